# Only tags matter.
tags=
lines=
while read -r old new ref; do
    lines="$lines$old $new $ref
"
    case $ref in refs/tags/*) tags=1 ;; esac
done
if [ -n "$tags" ] && managed; then
    case $1 in
    prepared | committed)
        printf '%s' "$lines" | run "$@" || exit
        ;;
    esac
fi
alone || printf '%s' "$lines" | chain "$@"
