find_common
if managed && ! { [ ! -f "$common/@FOLDER@/@QUEUED@" ] && answered @AGREED@ && [ -f "$state/@STAMP@" ]; }; then
    run "$@"
fi
chain "$@"
