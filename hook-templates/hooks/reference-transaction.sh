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

case $lines in
*" refs/tags/"*)
    case $1 in
    prepared | committed)
        if managed; then
            lines | run "$@" || exit
        fi
        ;;
    esac
    ;;
esac
alone || lines | chain "$@"
