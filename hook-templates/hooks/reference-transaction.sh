# Only tags matter. A batch may have thousands of lines: a shell's own reading, and a string that grows with each line,
# would take much longer than Git's work.
lines=
count=0
newline='
'
while [ $count -lt 16 ] && read -r line; do
    lines=$lines$line$newline
    count=$((count + 1))
done
if [ $count = 16 ]; then
    rest=$(cat)
    lines=$lines${rest:+$rest$newline}
fi

# Who does not read all of it, or nothing, is nobody's fault; Git may run hooks with SIGPIPE ignored.
lines() {
    printf '%s' "$lines" 2>/dev/null
}

# `git refs rename` shows only that the old name goes, whatever it is; the words of a command line run together here.
renames_to_tag() {
    [ -r "/proc/$PPID/cmdline" ] && read -r words <"/proc/$PPID/cmdline"
    case $words in *git*refs*rename*refs/tags/*) ;; *) return 1 ;; esac
}

is_tag=
case $lines in *" refs/tags/"*) is_tag=yes ;; esac
if [ -n "$is_tag" ] || renames_to_tag; then
    case $1 in
    prepared | committed)
        if managed; then
            lines | run "$@" || exit
        fi
        ;;
    esac
fi
alone || lines | chain "$@"
