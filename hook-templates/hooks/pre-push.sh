refs=$(cat)
if [ -n "$refs" ] && managed; then
    echo "$refs" | run "$@" || exit
fi
echo "$refs" | chain "$@"
