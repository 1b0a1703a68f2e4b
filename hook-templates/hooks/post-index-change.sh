if [ "$changed_files" = goes ] && managed; then
    run "$@"
elif [ "$changed_files" = 1 ] && managed; then
    if agreed && nothing_absent; then
        note_answer @AGREED@
    else
        run "$@"
    fi
fi
chain "$@"
