#!/bin/bash
# Boots a real systemd as process 1, in namespaces of its own: no virtual machine, no container engine.
#
#   boot.sh FOLDER PREFIX PACKAGES PROJECT
#
# FOLDER: an empty one, for mounts. The root is an overlay of this machine's: what is written to it is gone at
# the end. PREFIX (a Python), PACKAGES (what it imports) and PROJECT (this one) appear under /opt/batchbox,
# readable for any user. There is no network but its own loopback. Needs root, overlayfs and cgroup v2; what is
# missing is told by the failure of its command. It has to be process 1 of its namespaces.
set -euo pipefail
folder=$1 prefix=$2 packages=$3 project=$4

mount --make-rprivate /
mount -t tmpfs -o mode=755 lab "$folder"
mkdir "$folder"/{above,between,root}
root=$folder/root
mount -t overlay -o "lowerdir=/,upperdir=$folder/above,workdir=$folder/between" overlay "$root"
cd "$root"

rm -rf etc/systemd/system && mkdir etc/systemd/system # what this machine runs is not our affair
cat > etc/systemd/system/default.target <<'UNIT'
[Unit]
Requires=basic.target
After=basic.target
AllowIsolate=yes
UNIT
# nor are its people, and a batchbox that it has
for file in passwd group; do
    awk -F: '($3 < 1000 || $3 == 65534) && $1 !~ /^batchbox/' "/etc/$file" > "etc/$file"
done
for pair in passwd:shadow group:gshadow; do
    [ ! -e "/etc/${pair#*:}" ] ||
        awk -F: 'NR == FNR { known[$1]; next } $1 in known' "etc/${pair%:*}" "/etc/${pair#*:}" > "etc/${pair#*:}"
done
rm -rf etc/batchbox var/lib/batchbox var/lib/batchbox-*
: > etc/fstab
echo 0123456789abcdef0123456789abcdef > etc/machine-id

rm -rf opt/batchbox && mkdir -p opt/batchbox/{bin,prefix,packages,project}
for pair in "$prefix:prefix" "$packages:packages" "$project:project"; do
    mount --bind "${pair%:*}" "opt/batchbox/${pair##*:}"
    mount -o remount,ro,bind "opt/batchbox/${pair##*:}" # they are the real ones
done
echo /opt/batchbox/prefix/lib > etc/ld.so.conf.d/batchbox-lab.conf

mount -t proc -o nosuid,nodev,noexec proc proc
mount --bind proc/sys proc/sys && mount -o remount,ro,bind proc/sys # the kernel is this machine's
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp
mount -t tmpfs -o mode=755,nosuid dev dev
for name in null zero full random urandom tty; do
    : > dev/$name
    mount --bind /dev/$name dev/$name
done
mkdir -p dev/pts dev/shm
mount -t tmpfs -o mode=1777 shm dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for pair in 0:stdin 1:stdout 2:stderr; do ln -s /proc/self/fd/${pair%:*} dev/${pair#*:}; done

mkdir -p .before
pivot_root . .before
umount -l /.before
# systemd does so itself but where it is told of a container; credentials are mounted by way of it
mount --make-rshared /
ldconfig
exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 /lib/systemd/systemd --system
