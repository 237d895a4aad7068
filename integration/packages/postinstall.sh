#!/bin/sh
# After the files have come. dpkg says "configure" and the version that was there before,
# rpm how many are installed now.
set -e

case $1,$2 in
configure, | 1,) fresh=yes ;;
configure,* | [2-9],) fresh= ;;
*) exit 0 ;; # dpkg takes back what failed
esac

# Who the daemon runs as. Not every system, nor every container, has systemd.
if command -v systemd-sysusers >/dev/null; then
	systemd-sysusers ptbrelay.conf
else
	getent group ptbrelay >/dev/null || groupadd --system ptbrelay
	getent passwd ptbrelay >/dev/null ||
		useradd --system --gid ptbrelay --no-create-home --home-dir / --shell /usr/sbin/nologin ptbrelay
fi

# The new binary runs where the old one ran; nothing is started for the first time. A
# daemon that does not start, or a systemd that does not answer, is no failure of the
# package: systemctl says so.
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || :
	[ -n "$fresh" ] || systemctl try-restart ptbrelay.service || :
fi

# What was installed by hand comes first, for systemd and for shells. A link is a mask.
unit=/etc/systemd/system/ptbrelay.service
if [ -f $unit ] && [ ! -L $unit ]; then
	echo "ptbrelay: $unit is used in the place of this package's unit. Remove it, then: systemctl daemon-reload && systemctl restart ptbrelay"
fi
if [ -e /usr/local/bin/ptbrelay ]; then
	echo "ptbrelay: /usr/local/bin/ptbrelay comes before this package's /usr/bin/ptbrelay. Remove it."
fi

if [ -n "$fresh" ]; then
	echo "ptbrelay: installed, not started. Write /etc/ptbrelay/config.yaml, then: ptbrelay check-config && systemctl enable --now ptbrelay"
fi
