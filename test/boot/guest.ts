import assert from 'node:assert/strict';
import { join } from 'node:path';
import { findProgram } from '../fixtures/process/find-program.ts';
import { startProcess } from '../fixtures/process/process.ts';
import { runProgram } from '../fixtures/process/run-program.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import type { Namespace } from '../leaks/namespace.ts';
import type { DebianImage } from './debian-image.ts';
import { type GuestResult, runByAgent } from './guest-agent.ts';

/** Booting takes 20 s on an idle machine. Emulation on a busy machine takes many times as long. */
const BOOT_TIMEOUT_MS = 300_000;
const RUN_TIMEOUT_MS = 240_000;
/** Mostly a hole. */
const DRIVE_SIZE = '1G';

/** Software emulation runs on any machine. Node's compiler needs recent CPU features. */
const MACHINE =
  '-no-user-config -nodefaults -display none -machine q35 -accel tcg,thread=multi -cpu max -smp 2 -m 1024'.split(' ');
const KERNEL_LINE = 'root=/dev/vda rw console=ttyS0 panic=-1';

export interface GuestOptions {
  readonly image: DebianImage;
  /** Files that the guest has in /mnt. */
  readonly folder: string;
  /** A wrapper that runs QEMU in the network for the guest's network card. */
  readonly via: Namespace['via'];
  /** Called for each line of the console. */
  readonly onLine?: (line: string) => void;
}

/** A virtual machine. Its disk keeps changes across restarts and loses them at the end. */
export interface Guest extends AsyncDisposable {
  /** Runs a shell command as root and returns its stdout. Rejects with its output if it fails. */
  run(line: string): Promise<string>;
  /** Runs a shell command as root, which may fail. */
  try(line: string): Promise<GuestResult>;
  /** Reboots. Resolves when systemd has started all units. */
  reboot(): Promise<void>;
}

/** Resolves when systemd has started all units. */
export async function startGuest({ image, folder, via, onLine = () => {} }: GuestOptions): Promise<Guest> {
  await using resources = new AsyncDisposableStack();
  const directory = resources.use(await createTemporaryDirectory());
  const at = (name: string): string => join(directory.path, name);
  await runProgram('mke2fs', ['-q', '-t', 'ext4', '-d', folder, at('drive'), DRIVE_SIZE]);
  const agent = at('agent');
  const drives = [
    // Writes go to an unnamed temporary file.
    `file=${image.disk},format=raw,if=virtio,snapshot=on`,
    `file=${at('drive')},format=raw,if=virtio,readonly=on`,
  ];
  const [program, ...args] = [...via, await findProgram('qemu-system-x86_64')];
  args.push(...MACHINE, '-kernel', image.kernel, '-initrd', image.initrd, '-append', KERNEL_LINE, '-serial', 'stdio');
  for (const drive of drives) args.push('-drive', drive);
  // QEMU's user-mode network, with DHCP and DNS. Its packets come from a process in the network of `via`.
  args.push('-netdev', 'user,id=net', '-device', 'virtio-net-pci,netdev=net', '-device', 'virtio-rng-pci');
  args.push('-chardev', `socket,path=${agent},server=on,wait=off,id=agent`, '-device', 'virtio-serial-pci');
  args.push('-device', 'virtserialport,chardev=agent,name=org.qemu.guest_agent.0');
  const qemu = resources.use(await startProcess(program, args, { onLine }));
  const attempt = (line: string): Promise<GuestResult> => runByAgent(agent, line, RUN_TIMEOUT_MS);
  const run = async (line: string): Promise<string> => {
    const { status, stdout, stderr } = await attempt(line);
    assert.equal(status, 0, `in the guest: ${line}\n${stdout}${stderr}`);
    return stdout;
  };
  const bootId = (): Promise<string> => run('cat /proc/sys/kernel/random/boot_id');
  const untilBooted = async (previous?: string): Promise<void> => {
    await qemu.waitUntil('the guest has booted', BOOT_TIMEOUT_MS, async () => {
      try {
        // Waits for the end of the boot and says whether a unit failed.
        return (await bootId()) !== previous && (await attempt('systemctl is-system-running --wait')).stdout !== '';
      } catch {
        return false;
      }
    });
  };
  await untilBooted();
  const running = resources.move();
  return {
    run,
    try: attempt,
    async reboot() {
      const previous = await bootId();
      // The agent may be gone before it can reply.
      await attempt('systemctl --no-block reboot').catch(() => {});
      await untilBooted(previous);
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
