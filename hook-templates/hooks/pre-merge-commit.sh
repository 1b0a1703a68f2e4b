if managed; then
    run || exit
fi
chain "$@"
