if managed && ! { [ ! -f "$state/queued" ] && answered agreed && [ -f "$state/stamp" ]; }; then
    run "$@"
fi
chain "$@"
