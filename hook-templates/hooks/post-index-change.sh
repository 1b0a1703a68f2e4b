# The first argument is 1 where Git changed the work tree too: reset --hard, stash, checkout.
if [ "$1" = 1 ] && managed; then
    if agreed && same_pointer_files; then
        note_answer agreed
    else
        run "$@"
    fi
fi
chain "$@"
