//! A libvirtd of our own, as a user without rights, and what its guests rest on.

use crate::support::{
    cluster::{is_root, must},
    place::{root, scratch},
    timeout::{until, until_true},
};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Mutex, OnceLock},
};

/// What these tests need.
const PROGRAMS: [&str; 6] = ["libvirtd", "virsh", "qemu-img", "qemu-io", "qemu-nbd", "qemu-system-x86_64"];

/// The bytes of a guest's disk: enough that a backup of a slow one takes some seconds.
pub(crate) const DISK: usize = 24 << 20;

/// A daemon. Dropping it ends it; its guests go with the tests' directory.
pub(crate) struct Daemon {
    home: PathBuf,
    pub(crate) uri: String,
    process: Option<Child>,
}

/// Why these tests cannot run here.
pub(crate) fn missing() -> Option<String> {
    let is_here = |name: &str| {
        let places = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&places).any(|place| place.join(name).is_file())
            || Path::new("/usr/sbin").join(name).is_file()
    };
    let missing: Vec<&str> = PROGRAMS.into_iter().filter(|program| !is_here(program)).collect();
    (!missing.is_empty()).then(|| format!("{} is not installed", missing.join(", ")))
}

/// A command that runs as a user without rights: libvirt's daemon of root is the machine's own.
pub(crate) fn as_user(program: impl AsRef<std::ffi::OsStr>) -> Command {
    static USER: OnceLock<Option<(u32, u32)>> = OnceLock::new();
    let user = USER.get_or_init(|| {
        let number = |option| must(Command::new("id").args([option, "nobody"])).parse::<u32>().unwrap();
        is_root().then(|| (number("-u"), number("-g")))
    });
    let mut command = Command::new(program);
    if let Some((user, group)) = user {
        command.uid(*user).gid(*group);
    }
    command.env("LC_ALL", "C").current_dir("/").stdin(Stdio::null());
    command
}

/// Gives a directory to that user.
pub(crate) fn give(path: &Path) {
    if is_root() {
        must(Command::new("chown").args(["-R", "nobody:"]).arg(path));
    }
}

/// A directory that is that user's.
pub(crate) fn scratch_of_user(name: &str) -> PathBuf {
    let place = scratch(name);
    give(&place);
    place
}

/// The daemon of all tests that do not kill it.
pub(crate) fn daemon() -> &'static Daemon {
    static DAEMON: OnceLock<Daemon> = OnceLock::new();
    DAEMON.get_or_init(Daemon::new)
}

impl Daemon {
    pub(crate) fn new() -> Self {
        let home = scratch_of_user("libvirt");
        let config = home.join("config/libvirt");
        fs::create_dir_all(&config).unwrap();
        fs::create_dir(home.join("run")).unwrap();
        fs::set_permissions(home.join("run"), fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(config.join("qemu.conf"), "stdio_handler = \"file\"\ncgroup_controllers = []\n").unwrap();
        fs::write(home.join("libvirtd.conf"), "").unwrap();
        give(&home);
        let uri = format!("qemu+unix:///session?socket={}", home.join("run/libvirt/libvirt-sock").display());
        let mut daemon = Self { home, uri, process: None };
        daemon.start();
        daemon
    }

    /// Starts it, and waits until it answers.
    pub(crate) fn start(&mut self) {
        let log = fs::File::options().append(true).create(true).open(self.home.join("log")).unwrap();
        let mut command = as_user("libvirtd");
        // Its arguments name the tests' directory, so that it goes with that.
        command.arg("--config").arg(self.home.join("libvirtd.conf")).env("HOME", &self.home);
        for (name, directory) in [("RUNTIME_DIR", "run"), ("CONFIG_HOME", "config"), ("DATA_HOME", "data")] {
            command.env(format!("XDG_{name}"), self.home.join(directory));
        }
        // What it finds out about QEMU takes seconds; one of these tests finds it out for all.
        command.env("XDG_CACHE_HOME", cache());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.process = Some(command.spawn().unwrap());
        until_true("libvirtd answers", || self.try_virsh(&["version"]).status.success());
    }

    /// Kills it; its guests go on.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
        fs::remove_file(self.home.join("run/libvirt/libvirtd.pid")).unwrap_or_default();
    }

    pub(crate) fn try_virsh(&self, arguments: &[&str]) -> Output {
        as_user("virsh").args(["-q", "-c", &self.uri]).args(arguments).output().unwrap()
    }

    #[track_caller]
    pub(crate) fn virsh(&self, arguments: &[&str]) -> String {
        must(as_user("virsh").args(["-q", "-c", &self.uri]).args(arguments))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _gone_meanwhile = process.kill();
            let _reaped = process.wait();
        }
    }
}

fn cache() -> &'static Path {
    static CACHE: OnceLock<PathBuf> = OnceLock::new();
    CACHE.get_or_init(|| scratch_of_user("cache"))
}

/// The data of all disks but for their first sectors: no two blocks are the same, and none is empty.
pub(crate) fn base_bytes() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut bytes = Vec::with_capacity(DISK);
        while bytes.len() < DISK {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            bytes.extend_from_slice(&(state ^ (state >> 29)).to_le_bytes());
        }
        bytes
    })
}

/// The file of that data.
pub(crate) fn base() -> &'static Path {
    static BASE: OnceLock<PathBuf> = OnceLock::new();
    BASE.get_or_init(|| {
        let place = scratch("base");
        let path = place.join("base.raw");
        fs::write(&path, base_bytes()).unwrap();
        give(&place);
        path
    })
}

/// Servers of that data, each by the bytes that it reads a second.
static SERVERS: Mutex<BTreeMap<usize, (Child, String)>> = Mutex::new(BTreeMap::new());

/// The same data behind a server that reads so many bytes of it a second, so that a test comes in between.
pub(crate) fn slow_base(rate: usize) -> String {
    let mut servers = SERVERS.lock().unwrap();
    let (_, url) = servers.entry(rate).or_insert_with(|| {
        let socket = scratch_of_user("nbd").join("socket");
        let image = format!(
            "driver=throttle,throttle-group=slow,file.driver=file,file.locking=off,file.filename={}",
            base().display()
        );
        let mut server = as_user("qemu-nbd");
        server.args(["--object", &format!("throttle-group,id=slow,x-bps-total={rate}"), "--image-opts", &image]);
        let server =
            server.args(["--read-only", "--persistent", "--shared=0", "--socket"]).arg(&socket).spawn().unwrap();
        until("the slow disk is served", || socket.exists().then_some(()));
        assert!(socket.starts_with(root()));
        (server, format!("nbd+unix:///?socket={}", socket.display()))
    });
    url.clone()
}

/// Kills the server of that speed.
pub(crate) fn end_slow_base(rate: usize) {
    let (mut server, _) = SERVERS.lock().unwrap().remove(&rate).unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
}
