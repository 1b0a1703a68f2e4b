#!/bin/sh
# CPV hook shim @ID@ for Git's @HOOK@ hook, written by `dvc cpv install`, removed by `dvc cpv uninstall`
# (or, where CPV itself is gone, by `sh "$(git rev-parse --git-common-dir)/@FOLDER@/@UNINSTALL@"`).
# It decides here, without Python, that there is nothing to do; the hook that stood here before is called too.
hook=@HOOK@
python=@PYTHON@
package=@PACKAGE@
chained=@CHAINED@
chained_by_precommit=@CHAINED_BY_PRECOMMIT@
chained_by_framework=@CHAINED_BY_FRAMEWORK@
is_gone=
process=
# Git commands that CPV runs itself, and a hook manager that calls back the hook it found here.
[ -z "$CPV_RUNNING" ] && [ "$CPV_SHIM" != "$PWD $hook" ] || exit 0

git_dir=${GIT_DIR:-.git}
[ -d "$git_dir" ] || git_dir=$(git rev-parse --git-dir) || exit 0
state=$git_dir/@FOLDER@

# Which Git process this hook serves: its id and its start time, so that a reused id is not taken for it.
git_process() {
    [ -z "$process" ] || return 0
    [ -r "/proc/$PPID/stat" ] || return 1
    read -r line <"/proc/$PPID/stat"
    # shellcheck disable=SC2086 # the fields are numbers, split on purpose
    set -- ${line##*) }
    process="$PPID ${20}"
}

# The first line of a mark. Of a file alone: whoever opened a pipe would wait at it for ever.
read_mark() {
    [ -f "$state/$1" ] && [ -r "$state/$1" ] && read -r known <"$state/$1"
}

answered() {
    read_mark "$1" && git_process && [ "$known" = "$process" ]
}

note_answer() {
    [ -z "$is_gone" ] && git_process && write_mark "$1" "$process${2:+ $2}"
}

# Over what stood there, of which a first line is read: to empty the file first takes ten times as long on ext4. Not where
# a link leads, nor into a pipe; and what another user made and keeps to himself is made anew.
write_mark() {
    { [ -f "$state/$1" ] && [ -w "$state/$1" ] && [ ! -L "$state/$1" ]; } || rm -f "$state/$1"
    echo "$2" 1<>"$state/$1"
} 2>/dev/null

# Git's own folder, which all work trees share.
find_common() {
    common=$git_dir
    if [ -f "$git_dir/commondir" ]; then
        read -r common <"$git_dir/commondir"
        case $common in /*) ;; *) common=$git_dir/$common ;; esac
    fi
}

# The commit that HEAD names, where files tell; Git is not started to ask.
read_head() {
    read -r head <"$git_dir/HEAD" || return 1
    case $head in
    "ref: "*)
        find_common
        [ -f "$common/${head#ref: }" ] && read -r head <"$common/${head#ref: }" || return 1
        ;;
    esac
    case $head in *[!0-9a-f]*) return 1 ;; esac # a branch that stands for another
}

index_seen() {
    write_mark @INDEX_SEEN@
}

@EARLY@
# Whether no other hook is to run: none was here first, or pre-commit's, which would only run CPV again.
alone() {
    [ -n "$chained" ] && [ -x "$chained" ] || return 0
    # Installed once more, in front of us, they run their hooks themselves.
    [ -z "$chained_by_framework" ] || [ -z "$PRE_COMMIT_RUNNING_LEGACY$PREK_RUNNING_LEGACY" ] || return 0
    [ -n "$chained_by_precommit" ] && read_mark @ONLY_CPV@ || return 1
    # shellcheck disable=SC3013 # dash, busybox, ksh and bash all have -nt
    ! [ .pre-commit-config.yaml -nt "$state/@ONLY_CPV@" ] || return 1
    case " $known " in *" $hook "*) return 0 ;; esac
    return 1
}

# The hook that was here first, under its own name: some hooks ask by which name they were started.
chain() {
    alone && return
    case $chained in
    *.cpv-chained)
        find_common
        [ -x "$common/cpv-hooks/$hook" ] || name_chained
        [ ! -x "$common/cpv-hooks/$hook" ] || chained=$common/cpv-hooks/$hook
        ;;
    esac
    CPV_SHIM="$PWD $hook" "$chained" "$@"
}

# A link to a hook beside it leads to what was there by that name.
name_hook() {
    target=$(readlink "$file") && [ "${target%/*}" = "$target" ] && [ -e "$target" ] || target=../hooks/$file
    [ ! -e "$target.legacy" ] || target=../cpv-legacy/$target
    ln -sf "$target" "$top/cpv-hooks/$1"
}

# A folder like the one of Git's hooks, with links to what was there: `$0`, and what lies beside it, are as they were.
name_chained() (
    mkdir -p "$common/cpv-hooks" "$common/cpv-legacy" && cd "$common" && top=$PWD && cd hooks || return
    for file in *; do
        case $file in
        *.sample) ;;
        *.cpv-chained) name_hook "${file%.cpv-chained}" ;;
        *.legacy) # which pre-commit starts by this name
            ln -sf "../hooks/$file" "$top/cpv-legacy/${file%.legacy}"
            printf '#!/bin/sh\nexec "${0%%/*}/../cpv-legacy/%s" "$@"\n' "${file%.legacy}" >"$top/cpv-hooks/$file"
            chmod +x "$top/cpv-hooks/$file"
            ;;
        *)
            [ -e "$file.cpv-chained" ] || name_hook "$file"
            [ -e "$file.legacy" ] || ln -sf "../hooks/$file" "$top/cpv-legacy/$file"
            ;;
        esac
    done
) 2>/dev/null

# A hook of another name that is a link to this one: to what was here first.
if [ -L "$0" ] && [ "${0##*/}" != "$hook" ] && [ -x "$chained" ]; then
    hook=${0##*/}
    chain "$@"
    exit
fi

# Whether no Git started a hook of the work tree: dulwich, and so `dvc exp`, runs some in Git's own folder, from where
# nobody finds the work tree. The next Git command looks. Git itself would give GIT_DIR.
is_beside_the_work_tree() {
    [ "$git_dir" = . ] && [ -z "$GIT_DIR" ] || return 1
    case $hook in pre-push | reference-transaction) return 1 ;; esac
}

# Whether CPV has anything to do with this repository. In a commit that CPV itself makes only the other hooks run.
managed() {
    [ -z "$CPV_SILENCED" ] && ! is_beside_the_work_tree || return 1
    [ -d "$state" ] || [ -f .cpv.toml ] && return 0
    [ -f "$git_dir/commondir" ] || return 1
    find_common
    [ -d "$common/@FOLDER@" ]
}

# Whether this user may run a script's interpreter, which may lie in somebody else's home.
starts() {
    read -r line <"$1" || return 1
    line=${line#"#!"}
    line=${line# }
    [ -x "${line%% *}" ]
} 2>/dev/null

run() {
    if [ -x "$python" ] && [ -f "$package/__main__.py" ]; then
        "$python" @FLAGS@ "$package/__main__.py" "$hook" "$@"
    elif found=$(command -v cpv-hook) && starts "$found"; then
        cpv-hook "$hook" "$@"
    else
        gone
    fi
}

# CPV was uninstalled and its shims were left. Git goes on, and the hooks that a person waits for say so; only a push
# that might publish pointers without their data is stopped.
gone() {
    is_gone=yes
    mend="reinstall it (pip install dvc-cpv) or remove its hooks: sh '$(git rev-parse --git-common-dir)/@FOLDER@/@UNINSTALL@'"
    case $hook in
    pre-push)
        [ -n "$(git ls-files -- '*.dvc' | head -n 1)" ] || return 0
        echo "cpv: stopped: CPV is gone, so nobody can tell whether the data of this push is on its remote; $mend, or push with --no-verify" >&2
        return 1
        ;;
    pre-commit | post-checkout | post-merge)
        echo "cpv: CPV is gone, artifacts are not versioned; $mend" >&2
        ;;
    esac
    return 0
}

# Whether nothing that matters has changed since the last sync that found everything in agreement.
agreed() {
    find_common
    [ -f "$state/@STAMP@" ] && [ ! -d "$common/@FOLDER@/@JOURNAL@" ] || return 1
    read_watch && changed=$(cpv_changed "$state/@STAMP@" 2>/dev/null) && [ -z "$changed" ] && same_index
}

# Whether Git's index still holds the pointers and DVC roots that the last sync found in it: a client that runs no hook, a
# sparse checkout or `git add` may have brought one. Git is asked once for each index that it writes; of two files of one
# tick of the kernel's clock (4 ms) nobody knows which was first, so that only an older index counts as seen.
# shellcheck disable=SC3013,SC2154 # dash, busybox, ksh and bash all have -ot; the names are set by watch
same_index() {
    [ ! "$git_dir/index" -ot "$state/@STAMP@" ] || return 0
    [ ! "$git_dir/index" -ot "$state/@INDEX_SEEN@" ] || return 0
    index_seen
    listed=$(git -c core.fsmonitor=false -c core.quotePath=false ls-files -t -- '*.dvc' dvc.lock '*/dvc.lock' .cpv.toml '*/.cpv.toml')
    [ "$listed" != "$cpv_tracked" ] && [ "$listed" != "$cpv_added" ] || return 0
    rm -f "$state/@STAMP@" # until a sync has looked
    return 1
}

# By `command`, or what a power cut left of the file would end this shell, and with it the Git command.
read_watch() {
    # shellcheck disable=SC1091 # CPV writes it
    [ -f "$state/@WATCH@" ] && command . "$state/@WATCH@" 2>/dev/null
}

# Whether no artifact was removed by hand: a checkout or a reset brings those back.
nothing_absent() {
    # shellcheck disable=SC2154 # set by watch
    [ -z "$cpv_absent" ]
}

pointers_differ() {
    ! git -c core.fsmonitor=false diff-tree -r --quiet "$1" "$2" -- '*.dvc' dvc.lock '*/dvc.lock' 2>/dev/null
}

@BODY@
