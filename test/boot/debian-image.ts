import { createHash } from 'node:crypto';
import { access, mkdir, readdir, rename, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../fixtures/process/run-program.ts';
import { findMirror } from '../packaging/chroot.ts';

const PACKAGES = [
  'apt',
  'bind9-dnsutils',
  'dbus',
  'initramfs-tools',
  'iproute2',
  'kmod',
  'linux-image-cloud-amd64',
  'qemu-guest-agent',
  'systemd-resolved',
  'systemd-sysv',
  'tor',
  'udev',
];

/** Mostly a hole in the file. */
const SIZE_BYTES = 2 ** 31;
const BUILD_TIMEOUT_MS = 280_000;
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/dns4tor', import.meta.url));

/** The machine before the installation: addresses from DHCP, and a tor that may not use the network yet. */
const CONFIGURE = `
set -e
cd "$1"
printf '/dev/vda / auto rw,noatime 0 0\\n/dev/vdb /mnt auto ro 0 0\\n' > etc/fstab
printf 'guest\\n' > etc/hostname
printf '[Match]\\nName=en*\\n[Network]\\nDHCP=yes\\n' > etc/systemd/network/20-wired.network
printf 'DisableNetwork 1\\n' >> etc/tor/torrc
systemctl --root=. --quiet enable systemd-networkd.service
`;

/** A bootable Debian: its disk (a file system without partitions), kernel and initrd. */
export interface DebianImage {
  readonly disk: string;
  readonly kernel: string;
  readonly initrd: string;
}

/**
 * Creates the image from packages of this machine's release. It is cached until the package list or another constant of
 * this file changes. Virtual machines must not modify it.
 */
export async function buildDebianImage(onProgress: (step: string) => void): Promise<DebianImage> {
  const { codename, mirror } = await findMirror();
  const ingredients = [codename, PACKAGES, CONFIGURE, SIZE_BYTES].join('\n');
  const folder = join(CACHE, `debian-${createHash('sha256').update(ingredients).digest('hex').slice(0, 12)}`);
  const image = { disk: join(folder, 'disk'), kernel: join(folder, 'vmlinuz'), initrd: join(folder, 'initrd.img') };
  if (await exists(folder)) return image;
  onProgress('creating the Debian image from downloaded packages (only once)');
  // Atomic.
  const unfinished = `${folder}.${process.pid}`;
  const at = (name: string): string => join(unfinished, name);
  await mkdir(unfinished, { recursive: true });
  try {
    const args = [
      '--quiet',
      '--format=ext2',
      '--variant=essential',
      `--include=${PACKAGES.join(',')}`,
      '--aptopt=APT::Install-Recommends "false"',
      '--aptopt=Acquire::Languages "none"',
      `--customize-hook=${CONFIGURE}`,
      `--customize-hook=copy-out /boot ${unfinished}`,
    ];
    await runProgram('mmdebstrap', [...args, codename, at('disk'), mirror], { timeoutMs: BUILD_TIMEOUT_MS });
    await truncate(at('disk'), SIZE_BYTES);
    await runProgram('resize2fs', [at('disk')]);
    for (const name of await readdir(at('boot'))) {
      const kind = /^(vmlinuz|initrd\.img)-/.exec(name)?.[1];
      if (kind !== undefined) await rename(join(at('boot'), name), at(kind));
    }
    await rm(at('boot'), { recursive: true });
    await rename(unfinished, folder);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return image;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
