#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# git: a repository's life, with the programs that git starts (itself, editors, hooks, pagers, filters).
mkdir -p /tmp/git && cd /tmp/git || exit 1
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@d GIT_CONFIG_NOSYSTEM=1 TZ=UTC
tick=1700000000
commit() {
    tick=$((tick + 60))
    GIT_AUTHOR_DATE="$tick +0000" GIT_COMMITTER_DATE="$tick +0000" git commit -q "$@"
}
git init -q -b main repo && cd repo || exit 1
git config user.name Someone && git config --get user.name
printf 'one\ntwo\nthree\n' >file; mkdir dir; echo text >dir/other
git add . && commit -m 'The first' && git log --oneline
for i in $(seq 1 30); do echo "$i" >"dir/n$i"; done
git add dir && git status --short | wc -l && commit -m 'Numbers' -m 'With a body.'
git mv dir/other dir/moved && sed -i 's/two/2/' file && git diff --stat && git diff && commit -am 'Changes'
git show --stat --format='%h %an %cn %ct %s'
git checkout -q -b topic HEAD~1 && echo topic >>file && commit -am 'On topic'
git checkout -q main && echo main >new && git add new && commit -m 'On main'
tick=$((tick + 60)); GIT_AUTHOR_DATE="$tick +0000" GIT_COMMITTER_DATE="$tick +0000" git merge -q --no-edit topic; echo "merge $?"
git log --graph --oneline --all | cat
git checkout -q -b clash HEAD~1 && sed -i 's/2/second/' file && commit -am 'Clash'
git checkout -q main && sed -i 's/2/zwei/' file && commit -am 'Auch'
git merge clash; echo "merge $?"; git status --short; cat file
printf 'one\nboth\nthree\ntopic\n' >file && git add file && commit --no-edit && git log -1 --format=%s
printf '#!/bin/sh\necho "hook: $(git diff --cached --name-only | tr "\\n" " ")"\n! grep -q forbidden new\n' >.git/hooks/pre-commit
chmod +x .git/hooks/pre-commit
echo allowed >>new && commit -am 'Allowed'; echo forbidden >>new && commit -am 'Forbidden'; echo "commit $?"; git checkout -q new
GIT_EDITOR='sh -c "echo From an editor >\$1" -' commit --allow-empty && git log -1 --format=%s
git tag v1 && git describe --tags && git rev-parse v1 && git blame -s file && git grep -n topic
git stash list; echo dirty >>file; git stash -q && git stash list --format='%gd %gs' && git stash pop -q && git diff --shortstat && git checkout -q file
GIT_COMMITTER_DATE="$tick +0000" git rebase -q HEAD~1 2>&1; git cherry-pick --no-commit clash~1 2>&1 | tail -n 1; git reset -q --hard
git log -p --format=%h -- file | git patch-id --stable | wc -l; git format-patch -q -1 -o ../patches HEAD~1 && ls ../patches
git gc -q && git count-objects -v | grep -E '^(count|in-pack|packs)' && git fsck --full 2>&1 | wc -l
git clone -q --no-local . ../clone && cd ../clone && git log --oneline | wc -l && git branch -a | wc -l
echo cloned >file && commit -am 'In the clone' && git push -q origin HEAD:refs/heads/pushed && git -C ../repo log -1 --format='%h %s' pushed
git clone -q --bare ../repo ../bare.git && git -C ../bare.git branch | wc -l && git remote add bare ../bare.git && git fetch -q bare && git branch -r | wc -l
git archive --format=tar HEAD | tar tf - | head -n 3; git bundle create -q ../all.bundle --all && git bundle verify -q ../all.bundle && echo bundled
git worktree add -q ../tree v1 2>&1; cat ../tree/file; git submodule status; git ls-files | wc -l
git -c core.pager='sed s/^/paged:\ /' -c pager.log=true --paginate log -1 --format=%s
git no-such-command; echo $?
git repack -adq && git verify-pack -v .git/objects/pack/*.idx | tail -n 1 | cut -d: -f1 && git bisect start HEAD v1 2>&1 | head -n 1
git bisect run sh -c 'exit 1' >/dev/null 2>&1; echo $?; git rev-parse HEAD
