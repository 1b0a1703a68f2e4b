if managed && ! { [ ! -f "$state/@QUEUED@" ] && answered @AGREED@ && [ -f "$state/@STAMP@" ]; }; then
    run "$@"
fi
chain "$@"
