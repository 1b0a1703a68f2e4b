if [ $count = 16 ]; then
    if alone; then
        rest=$(LC_ALL=C grep '[1-9a-f]0* refs/tags/')
    else
        rest=$(cat)
    fi
    lines=$lines${rest:+$rest$newline}
    case $rest in *" refs/tags/"*) makes_tag=yes ;; esac
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
