rewritten=$(cat)
if managed; then
    echo "$rewritten" | run "$@"
fi
echo "$rewritten" | chain "$@"
