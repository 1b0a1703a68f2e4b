# Two commits and 1 for a branch, 0 for files (`git restore`).
status=0
if managed; then
    if answered @AGREED@ && [ -f "$state/@STAMP@" ]; then
        :
    elif agreed && nothing_absent && { [ "$3" = 0 ] || ! pointers_differ "$1" "$2"; }; then
        :
    else
        run "$@" || status=$?
    fi
fi
chain "$@" || status=$?
exit $status
