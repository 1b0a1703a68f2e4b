#!/bin/sh
# DVCLive 3.49.0 (DVC 3.67.1): `Live(save_dvc_exp=False)`, which is to log metrics alone, makes the Git repository that it
# is started in a DVC repository: it runs `dvc init` at the top, stages `.dvc/config`, `.dvc/.gitignore` and `.dvcignore`,
# and so the user's next `git commit` has them.
# Seen: "staged before: 0", "staged after: .dvc/.gitignore .dvc/config .dvcignore".
set -eu
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q 'aiobotocore>=3.3' dvc==3.67.1 dvclive==3.49.0
PATH=$folder/venv/bin:$PATH
export HOME="$folder" DVC_NO_ANALYTICS=1
cd "$folder"
git init -q -b main one && cd one
git config user.email someone@example.com && git config user.name Someone
echo 'code' >train.py && git add train.py && git commit -qm code
echo "staged before: $(git diff --cached --name-only | wc -l)"
python - <<'PY'
from dvclive import Live

with Live(save_dvc_exp=False) as live:
    live.log_metric("loss", 0.5)
    live.next_step()
PY
staged=$(git diff --cached --name-only | sort | tr '\n' ' ')
echo "staged after: $staged"
test "$staged" = ".dvc/.gitignore .dvc/config .dvcignore "
