if [ $count = 16 ]; then
    if alone; then
        made=$(LC_ALL=C grep '[1-9a-f]0* refs/tags/')
        rest=$made
    else
        rest=$(cat)
        made=$(printf '%s' "$rest" 2>/dev/null | LC_ALL=C grep -m 1 '[1-9a-f]0* refs/tags/')
    fi
    lines=$lines${rest:+$rest$newline}
    [ -z "$made" ] || makes_tag=yes
fi

# Who does not read all of it, or nothing, is nobody's fault; Git may run hooks with SIGPIPE ignored.
lines() {
    printf '%s' "$lines" 2>/dev/null
}

if [ -n "$makes_tag" ] || renames_to_tag; then
    case $1 in
    prepared | committed)
        # With a hook behind it, it has not ended for a fetch.
        if managed && { [ -z "$chained" ] || ! fetches; }; then
            lines | run "$@" || exit
        fi
        ;;
    esac
fi
alone || lines | chain "$@"
