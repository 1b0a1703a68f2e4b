# Whether the pre-commit hook of the same Git process saw that the commit changes no pointer. (Of an amended commit
# post-rewrite takes care.) Then the pointers of the new commit, too, are those of the work tree.
changes_no_pointer() {
    read_mark @NO_POINTER@ && git_process || return 1
    case $known in "$process "*) ;; *) return 1 ;; esac
    ! read_head || write_mark @COMMITTED@ "${known#"$process "} $head"
}

nothing_waits() {
    find_common
    [ ! -f "$common/@FOLDER@/@QUEUED@" ] && [ ! -f "$state/@RESTAGE@" ]
}

if [ -z "$chained" ] && nothing_waits && changes_no_pointer; then
    index_seen
    exit 0
fi
