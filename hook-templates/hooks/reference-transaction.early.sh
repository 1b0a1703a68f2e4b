# Only tags that are made matter.
if [ -z "$chained" ]; then
    case $1 in prepared | committed) ;; *) exit 0 ;; esac
fi

# Git's lines (OLD NEW REF), of a batch the first ones alone: a shell's own reading, and a string that grows with each
# line, would take much longer than Git's work.
lines=
count=0
makes_tag=
deletes=
newline='
'
while [ $count -lt 16 ] && read -r line; do
    lines=$lines$line$newline
    count=$((count + 1))
    case $line in
    *" 0000000000000000000000000000000000000000 refs/"*) deletes=yes ;;
    *" refs/tags/"*) makes_tag=yes ;;
    esac
done

# The words of Git's command line, run together, which is enough to know it by, where there are few of them: a shell
# reads byte by byte, and `git tag -d` may have thousands, each in a transaction of its own.
read_few_words() {
    [ -r "/proc/$PPID/stat" ] && read -r line <"/proc/$PPID/stat" || return 1
    # shellcheck disable=SC2086 # the fields are numbers, split on purpose; these two are where the words are (proc(5))
    set -- ${line##*) }
    [ $((${47} - ${46})) -lt 4096 ] || return 1
    # No newline ends it, so a read that meets one has not met the end.
    ! read -r words <"/proc/$PPID/cmdline" && [ -n "$words" ]
}

# `git refs rename` shows only that the old name goes, whatever it is.
renames_to_tag() {
    [ -n "$deletes" ] && read_few_words
    case $words in *git*refs*rename*refs/tags/*) ;; *) return 1 ;; esac
}

# The verb behind options of Git's own (`git -C FOLDER fetch`): to tell words apart takes a process.
verb() {
    tr '\0\n' '\n ' <"/proc/$PPID/cmdline" | {
        read -r word
        while read -r word; do
            case $word in
            -C | -c | --git-dir | --work-tree | --namespace | --config-env) read -r word ;;
            -*) ;;
            *) break ;;
            esac
        done
        echo "$word"
    }
}

# A fetch ends here: it may bring a hundred tags, one by one, and a colleague's odd tag must never fail it.
fetches() {
    read_few_words || words=$(head -c 4096 "/proc/$PPID/cmdline" 2>/dev/null | tr -d '\0')
    case $words in
    git-*fetch* | git-*pull* | git-*clone* | /*/git-*fetch*) words=git$(verb) ;;
    esac
    case $words in
    gitfetch* | /*/gitfetch* | gitpull* | gitclone* | gitgc* | gitpack-refs* | /*/gitpack-refs*) ;;
    *) return 1 ;;
    esac
}

words=
if [ -z "$chained" ]; then
    if [ -n "$makes_tag" ] || [ $count = 16 ]; then
        ! fetches || exit 0
    else
        renames_to_tag || exit 0
    fi
fi
