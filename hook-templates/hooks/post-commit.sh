if managed && { [ -f "$state/queued" ] || [ -f "$state/restage" ] || pointers_differ HEAD^ HEAD; }; then
    run
fi
chain "$@"
