if managed && { ! nothing_waits || { ! changes_no_pointer && pointers_differ HEAD^ HEAD; }; }; then
    run
fi
chain "$@"
