# Git is about to compare the work tree with the index: pointers must be true before it looks.
# The answer is always "anything may have changed", so Git's own look is never shortened.
anything_may_have_changed() {
    [ "$1" = 2 ] && printf 'cpv\0'
    printf '/\0'
}
if answered @ASKED@; then
    anything_may_have_changed "$1"
    exit 0
fi
