refs=$(cat)
# Tags of an earlier push that may not have arrived are asked for even where nothing is new.
if { [ -n "$refs" ] || [ -d "$state/sent" ]; } && managed; then
    echo "$refs" | run "$@" || exit
fi
echo "$refs" | chain "$@"
