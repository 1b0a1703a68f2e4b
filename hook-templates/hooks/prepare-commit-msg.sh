# Ends the detour that pre-commit opened.
if [ -f "$state/detour" ]; then
    run "$@" || exit
fi
chain "$@"
