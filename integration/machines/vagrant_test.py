"""`make vagrant-test`: the real `vagrant up`, on libvirt with qemu (no KVM), with a box made here.

By hand or nightly, as root: virtual machines without KVM are ten times slower than machines of nspawn, which
run the same scripts in every test. KUBEPY_WORKERS says how many workers (3), KUBEPY_MASTERS how many masters
(1). What it needs besides `make test-machines`: vagrant, vagrant-libvirt, libvirt-daemon-system,
libvirt-daemon-driver-qemu, qemu-system-x86, qemu-utils, dnsmasq-base, rsync, extlinux, parted; for what the pods
are asked at the end, stock kubectl (make clients).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from integration.harness import STOCK_KUBECTL, http_get
from integration.machines import base
from integration.manifests import CLIENT, WEB

NODES = {"KUBEPY_MASTERS": "1", "KUBEPY_WORKERS": "3"}
BOX = "kubepy-debian12"
WORK = base.CACHE / "vagrant"
SIZE_GB = 6
PARTITION_START = 1 << 20
INSECURE_KEY = Path("/usr/share/rubygems-integration/all/gems").glob("vagrant-*/keys/vagrant.pub")
QEMU_CONF = """user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = []
remember_owner = 0
namespaces = []
"""
BOOT = """DEFAULT linux
LABEL linux
  LINUX /vmlinuz
  INITRD /initrd.img
  APPEND root=/dev/vda1 ro net.ifnames=0 console=ttyS0
"""
INTERFACES = """auto lo
iface lo inet loopback
auto eth0
iface eth0 inet dhcp
"""
BOX_VAGRANTFILE = """Vagrant.configure("2") do |config|
  config.ssh.insert_key = false
  config.vm.provider :libvirt do |libvirt|
    libvirt.graphics_type = "none"
    libvirt.video_type = "none"
    libvirt.disk_driver :cache => "unsafe"
  end
end
"""
ADD_ONS = (
    "kubectl wait --for=condition=Available deployment --all --namespace kube-system --timeout=900s && "
    "kubectl wait --for=condition=Ready node --all --timeout=300s"
)
SHOWN = "kubectl get nodes -o wide; kubectl get pods --all-namespaces -o wide; stat -fc %T /sys/fs/cgroup"
LIMITED = """apiVersion: v1
kind: Pod
metadata: {name: limited}
spec:
  containers:
  - name: c
    image: busybox
    command: [sh, -c, "echo started; exec sleep 1d"]
    resources:
      requests: {cpu: 200m, memory: 32Mi}
      limits: {cpu: 250m, memory: 64Mi}
"""
CGROUP = "cd /sys/fs/cgroup && tail memory.max cpu.max cpu.weight"


def main() -> int:
    box = make_box()
    nodes = sum(int(os.environ.get(name, usual)) for name, usual in NODES.items())
    checkout = WORK / "checkout"
    shutil.rmtree(checkout, ignore_errors=True)
    left_out = shutil.ignore_patterns("__pycache__", ".*")
    shutil.copytree(base.CHECKOUT, checkout, ignore=left_out)
    base.wheels(checkout / "wheels")
    environment = os.environ | {
        "VAGRANT_HOME": str(WORK / "home"),
        "VAGRANT_DEFAULT_PROVIDER": "libvirt",
        "KUBEPY_BOX": BOX,
        "KUBEPY_WHEELS": "wheels",
        "KUBEPY_LIBVIRT_DRIVER": "qemu",
    }

    def vagrant(*arguments: str) -> int:
        print(f"$ vagrant {' '.join(arguments)}", flush=True)
        return subprocess.run(["vagrant", *arguments], cwd=checkout, env=environment).returncode

    with libvirt():
        vagrant("box", "add", "--force", "--name", BOX, str(box))
        try:
            started = time.monotonic()
            # one boot in six gets no lease on some hosts: once more
            failed = vagrant("up") and vagrant("up")
            print(f"vagrant up took {time.monotonic() - started:.0f} s", flush=True)
            failed = failed or vagrant("ssh", "m-k8s", "-c", ADD_ONS) or vagrant("ssh", "m-k8s", "-c", SHOWN)
            ready = subprocess.run(
                ["vagrant", "ssh", "m-k8s", "-c", "kubectl get nodes --no-headers"],
                cwd=checkout,
                env=environment,
                capture_output=True,
                text=True,
            )
            # vagrant's own messages may be among them
            rows = [line.split() for line in ready.stdout.splitlines() if "-k8s " in line[:10]]
            ok = not failed and [row[1] for row in rows] == ["Ready"] * nodes
            if ok and STOCK_KUBECTL is not None:
                shown = ["vagrant", "ssh", "m-k8s", "-c", "sudo cat /etc/kubepy/admin.kubeconfig"]
                text = subprocess.run(
                    shown, cwd=checkout, env=environment, capture_output=True, text=True
                ).stdout
                ok = prove(text[text.index("apiVersion") :])
        finally:
            vagrant("destroy", "--force")
    print(
        "all nodes and add-ons are ready, and pods do what they should"
        if ok
        else f"not all nodes are Ready, or not the add-ons, or not the pods:\n{ready.stdout}{ready.stderr}"
    )
    return 0 if ok else 1


def prove(kubeconfig: str) -> bool:
    """With stock kubectl from this host: a Service by name and by NodePort, and what a pod is given and told."""
    file = WORK / "kubeconfig"
    file.write_text(kubeconfig)
    file.chmod(0o600)
    ok = True

    def kubectl(*arguments: str, given: str = "", expected: str = "") -> str:
        nonlocal ok
        print(f"$ kubectl {' '.join(arguments)}", flush=True)
        command = [str(STOCK_KUBECTL), f"--kubeconfig={file}", "--request-timeout=120s", *arguments]
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=900)
        print(done.stdout + done.stderr, end="", flush=True)
        ok = ok and not done.returncode and expected in done.stdout
        return done.stdout

    kubectl("apply", "-f", "-", given=f"{WEB}---{CLIENT}---\n{LIMITED}")
    kubectl("rollout", "status", "deployment/web", "--timeout=600s")
    kubectl("wait", "--for=condition=Ready", "pod/client", "pod/limited", "--timeout=600s")
    kubectl("get", "pods,services", "-o", "wide")
    kubectl("exec", "client", "--", "wget", "-q", "-O", "-", "http://web/", expected="web-")
    port = kubectl("get", "service", "web", "-o", "jsonpath={.spec.ports[0].nodePort}")
    addresses = kubectl(
        "get", "nodes", "-o", "jsonpath={.items[*].status.addresses[?(@.type=='InternalIP')].address}"
    )
    for address in addresses.split():
        answer = http_get(f"http://{address}:{port}/", timeout=60)
        print(f"$ curl http://{address}:{port}/\n{answer}", flush=True)
        ok = ok and answer.startswith("web-")
    kubectl("exec", "limited", "--", "sh", "-c", CGROUP, expected="67108864")
    kubectl("logs", "limited", expected="started")
    kubectl("top", "nodes")
    kubectl("top", "pods")
    return ok


def make_box() -> Path:
    """A box of the machines' root file system with a kernel and a boot loader; kept until that changes."""
    layers = base.layers()
    box = WORK / f"{layers[0].name}.box"
    if box.exists():
        return box
    shutil.rmtree(WORK, ignore_errors=True)
    tree, disk = WORK / "tree", WORK / "disk.raw"
    tree.mkdir(parents=True)
    for layer in reversed(layers):
        base.run("cp", "-a", f"{layer}/.", str(tree))
    _make_bootable(tree)
    base.run("truncate", "-s", f"{SIZE_GB}G", str(disk))
    layout = ("mklabel", "msdos", "mkpart", "primary", "ext4", "1MiB", "100%", "set", "1", "boot", "on")
    base.run("parted", "-s", str(disk), *layout)
    with disk.open("r+b") as file:
        file.write(Path("/usr/lib/EXTLINUX/mbr.bin").read_bytes()[:440])
    loop = base.run("losetup", "--find", "--show", "--offset", str(PARTITION_START), str(disk)).strip()
    mounted = WORK / "mounted"
    mounted.mkdir()
    try:
        base.run("mkfs.ext4", "-q", "-O", "^64bit,^metadata_csum", loop)
        base.run("mount", loop, str(mounted))
        base.run("cp", "-a", f"{tree}/.", str(mounted))
        loader = mounted / "boot/extlinux"
        loader.mkdir()
        (loader / "extlinux.conf").write_text(BOOT)
        base.run("extlinux", "--install", str(loader))
    finally:
        subprocess.run(["umount", str(mounted)])
        subprocess.run(["losetup", "--detach", loop])
    base.run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(disk), str(WORK / "box.img"))
    metadata = {"provider": "libvirt", "format": "qcow2", "virtual_size": SIZE_GB}
    (WORK / "metadata.json").write_text(json.dumps(metadata))
    (WORK / "Vagrantfile").write_text(BOX_VAGRANTFILE)
    with tarfile.open(box, "w") as archive:
        for name in ("metadata.json", "Vagrantfile", "box.img"):
            archive.add(WORK / name, arcname=name)
    shutil.rmtree(tree)
    for path in (disk, WORK / "box.img"):
        path.unlink()
    return box


def _make_bootable(tree: Path) -> None:
    (tree / "etc/apt/sources.list").write_text(f"deb {base.mirror()} {base.SUITE} main\n")
    shutil.copy("/etc/resolv.conf", tree / "etc/resolv.conf")
    (tree / "etc/fstab").write_text("/dev/vda1 / ext4 defaults 0 1\n")
    packages = ("linux-image-cloud-amd64", "initramfs-tools", "isc-dhcp-client", "rsync")
    inside = f"""export DEBIAN_FRONTEND=noninteractive
printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d
apt-get update -q && apt-get install -y -q --no-install-recommends {" ".join(packages)}
rm /usr/sbin/policy-rc.d; apt-get clean
useradd -m -s /bin/bash vagrant
echo 'vagrant ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/vagrant
systemctl enable ssh networking"""
    base.run("chroot", str(tree), "sh", "-ec", inside)
    keys = tree / "home/vagrant/.ssh/authorized_keys"
    keys.parent.mkdir(mode=0o700)
    shutil.copy(next(iter(INSECURE_KEY)), keys)
    base.run("chroot", str(tree), "chown", "-R", "vagrant:vagrant", "/home/vagrant/.ssh")
    (tree / "etc/network/interfaces").write_text(INTERFACES)
    (tree / "etc/hostname").write_text("debian12\n")
    (tree / "etc/machine-id").touch()


@contextmanager
def libvirt() -> Iterator[None]:
    """libvirtd, where no service manager runs it; what was started here is stopped afterwards."""
    if subprocess.run(["virsh", "-c", "qemu:///system", "version"], capture_output=True).returncode == 0:
        yield
        return
    conf = Path("/etc/libvirt/qemu.conf")
    before = conf.read_text()
    conf.write_text(before + QEMU_CONF)
    started = [subprocess.Popen([program], start_new_session=True) for program in ("virtlogd", "libvirtd")]
    try:
        for _ in range(100):
            time.sleep(0.2)
            if not subprocess.run(
                ["virsh", "-c", "qemu:///system", "version"], capture_output=True
            ).returncode:
                break
        yield
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        conf.write_text(before)


if __name__ == "__main__":
    # so that virtual machines, networks and libvirtd go in that case too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
