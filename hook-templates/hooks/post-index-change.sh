if [ "$changed_files" = 1 ] && managed; then
    if agreed && nothing_absent; then
        note_answer agreed
    else
        run "$@"
    fi
fi
chain "$@"
