#!/bin/sh
# CPV merge driver, written by `dvc cpv install`. Git gives %O %A %B %L %P: the files of the base, ours and theirs, the
# length of conflict markers, and the path of the pointer. What DVC can join (folders to which both sides added) it
# joins; everything else is merged as text, which leaves a conflict with markers. The exit status is 0 or 1: Git takes
# what is above 128, with which DVC ends, for a crash, and then stops without a merge that can be continued.
base=$1 ours=$2 theirs=$3 size=$4 pointer=$5
python=@PYTHON@

# The nearest folder above the pointer that is a DVC root: elsewhere DVC's driver does nothing and calls that a success.
dvc_root() {
    case $pointer in */*) root=${pointer%/*} ;; *) root=. ;; esac
    while [ ! -d "$root/.dvc" ]; do
        case $root in
        */*) root=${root%/*} ;;
        .) return 1 ;;
        *) root=. ;;
        esac
    done
}

are_folders() {
    for side in "$base" "$ours" "$theirs"; do
        grep -q 'md5: [0-9a-f]*\.dir' "$side" || return 1
    done
}

# DVC reads no pointer outside its root or in `.dvc`, so it gets copies; one that is killed has not touched ours.
merged_by_dvc() {
    copy=.merge_file_cpv_$$
    cp "$base" "$root/${copy}_base" && cp "$ours" "$root/${copy}_ours" && cp "$theirs" "$root/${copy}_theirs" &&
        (cd "$root" && run_dvc git-hook merge-driver --ancestor "${copy}_base" --our "${copy}_ours" --their "${copy}_theirs") &&
        cp "$root/${copy}_ours" "$ours"
    status=$?
    rm -f "$root/${copy}_base" "$root/${copy}_ours" "$root/${copy}_theirs"
    return $status
}

# A side that was fetched just now, or a folder that is left out here: the cache may lack the lists that DVC joins.
bring_lists() {
    [ ! -x "$python" ] || "$python" -I -m cpv_hooks.sync.merge_listings "$pointer" "$base" "$ours" "$theirs"
}

run_dvc() {
    if [ -x "$python" ]; then "$python" -m dvc "$@"; else dvc "$@"; fi
}

are_folders && dvc_root && bring_lists && merged_by_dvc && exit 0
git merge-file --marker-size="$size" -L ours -L base -L theirs "$ours" "$base" "$theirs" || exit 1
