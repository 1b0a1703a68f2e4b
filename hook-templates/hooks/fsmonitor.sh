# Git is about to compare the work tree with the index: pointers must be true before it looks.
# The answer is always "anything may have changed", so Git's own look is never shortened.
if managed && ! answered asked; then
    agreed || run "$@" >&2
    # What could not be settled must be met again, by the pre-commit hook of the same Git process for one.
    [ ! -f "$state/stamp" ] || note_answer asked
fi
[ "$1" = 2 ] && printf 'cpv\0'
printf '/\0'
