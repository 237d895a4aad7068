#!/bin/sh
# Before the files go. dpkg says "remove" or "upgrade", rpm how many stay.
set -e

[ "$1" = remove ] || [ "$1" = 0 ] || exit 0
command -v systemctl >/dev/null || exit 0

# A unit that is masked, or known by no systemd, keeps nobody from removing the package.
[ ! -d /run/systemd/system ] || systemctl stop ptbrelay.service || :
systemctl --no-reload disable ptbrelay.service || :
