# Git is about to compare the work tree with the index: pointers must be true before it looks.
# The answer is "anything may have changed", so Git's own look is never shortened; where another monitor was set here
# first, it is that one's answer, which knows of what CPV has just written too.
# Git's setting reads this file into the shell that Git starts for it, and `f` says where it is.
# shellcheck disable=SC2154
case $f in */cpv-fsmonitor) ;; *) f=$0 ;; esac
answer() {
    if [ -n "$chained" ]; then
        token=$2
        [ "$token" != cpv ] || token=0 # CPV's own, which says nothing to the other
        eval "$chained \"\$1\" \"\$token\""
        exit
    fi
    [ "$1" = 2 ] && printf 'cpv\0'
    printf '/\0'
}
if answered @ASKED@; then
    answer "$@"
    exit 0
fi
