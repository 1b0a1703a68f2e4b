if [ "$changed_files" = 1 ] && managed; then
    if agreed && nothing_absent && same_pointer_files; then
        note_answer agreed
    else
        run "$@"
    fi
fi
chain "$@"
