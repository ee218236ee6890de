//! What a `[[job]]` may say, and what is wrong with one.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
use super::*;
use crate::{app::config::Config, domain::WhenUsedUp};
use std::time::Duration;

const HEAD: &str = "repositories = [\"/srv/backup\"]\n\
                    [[repository]]\nname = \"north\"\nkind = \"directory\"\npath = \"/mnt/north\"\n[[job]]\n";
const INSTANCE: &str = "name = \"nightly\"\nkind = \"instance\"\nrepository = \"north\"\n";
const MACHINES: &str = "name = \"n\"\nkind = \"vm\"\nrepository = \"north\"\n\
                        objects = [{ name = \"a\", domain = \"vm-a\" }]\n";
const SHOP: &str = "objects = [{ name = \"shop\", conninfo = \"host=db1\" }]\n";

fn jobs(text: &str) -> Result<Vec<JobSpec>, String> {
    let config: Config = toml::from_str(&format!("{HEAD}{text}")).map_err(|error| error.to_string())?;
    let (jobs, problems) = config.jobs();
    problems.first().map_or(Ok(jobs), |problem| Err(problem.to_string()))
}

#[test]
fn a_job_that_is_not_right_holds_up_no_other_and_of_two_of_one_name_neither_is_meant() {
    let named = |name: &str, more: &str| format!("{INSTANCE}{more}{SHOP}").replace("nightly", name);
    let text = [named("a", ""), named("b", "target = \"/t\"\n"), named("c", ""), named("d", ""), named("d", "")];
    let config: Config = toml::from_str(&format!("{HEAD}{}", text.join("[[job]]\n"))).unwrap();
    let (jobs, problems) = config.jobs();
    assert_eq!(jobs.iter().map(|job| job.name().as_str()).collect::<Vec<_>>(), ["a", "c"]);
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(problems[0].contains("the job \"b\"") && problems[1].contains("the name \"d\""), "{problems:?}");
    assert_eq!(problems.len(), 2);
    assert!(config.repository_paths(&[]).contains(&"/mnt/north".into()));
}

#[test]
fn a_job_in_five_lines_has_the_values_that_are_usual() {
    let all = jobs(&format!("{INSTANCE}{SHOP}")).unwrap();
    let job = &all[0];
    assert_eq!((job.name().as_str(), job.kind(), job.at_once().get()), ("nightly", JobKind::Instance, 1));
    let wanted =
        RetryPolicy { tries: 3, every: Duration::from_mins(10), while_waiting: true, when_used_up: WhenUsedUp::Fail };
    assert_eq!(*job.policy(), wanted);
    assert_eq!(job.keep(), None, "nothing is removed");
    let object = BackupObject::Instance {
        name: InstanceName::new("shop"),
        conninfo: "host=db1".to_owned(),
        password: PasswordSource::None,
        tar: None,
        checksums: "CRC32C".to_owned(),
        slot: None,
    };
    assert_eq!(job.objects(), [JobObject { object, repository: Some("/mnt/north".into()), max_rate: None }]);
}

#[test]
fn r41_objects_keep_the_order_of_the_settings_and_every_key_means_something() {
    let text = "name = \"n\"\nkind = \"instance\"\nrepository = \"backup\"\nparallel = 2\nrate = \"10M\"\n\
                retry = { tries = 1, every = \"2s\" }\nkeep = { last = 7, weekly = 8 }\nform = \"tar\"\ncompress = \"zstd\"\nchecksums = \"sha256\"\n\
                slot = \"s\"\npassword_command = [\"/bin/pw\", \"x\"]\n\
                objects = [{ name = \"z\", conninfo = \"host=z\" }, { name = \"a\", conninfo = \"host=a\" }]";
    let all = jobs(text).unwrap();
    let job = &all[0];
    assert_eq!(job.objects().iter().map(|one| one.object.name().as_str()).collect::<Vec<_>>(), ["z", "a"]);
    assert_eq!((job.at_once().get(), job.policy().tries, job.policy().every), (2, 1, Duration::from_secs(2)));
    let BackupObject::Instance { password, tar, checksums, slot, .. } = &job.objects()[0].object else { panic!() };
    assert_eq!(*password, PasswordSource::Command(vec!["/bin/pw".to_owned(), "x".to_owned()]));
    assert_eq!((*tar, checksums.as_str(), slot.as_deref()), (Some(Compression::Zstd), "SHA256", Some("s")));
    assert_eq!(job.objects()[0].repository.as_deref(), Some(Path::new("/srv/backup")));
    assert_eq!(job.objects()[0].max_rate, Rate::per_second(10 << 20));
    assert_eq!(job.keep(), Some(Keep::new(Some(7), None, Some(8)).unwrap()));
}

#[test]
fn the_other_kinds_have_objects_of_their_own() {
    let copy =
        "name = \"n\"\nkind = \"file-copy\"\ntarget = \"/mnt/t\"\nobjects = [{ name = \"etc\", path = \"/etc\" }]";
    let object = jobs(copy).unwrap()[0].objects()[0].clone();
    let (name, path, target) = (InstanceName::new("etc"), "/etc".into(), "/mnt/t".into());
    assert_eq!(object.object, BackupObject::FileCopy { name, path, target });
    let machine = |text: &str| jobs(text).unwrap()[0].objects()[0].object.clone();
    let vm = |uri: &str, every| {
        let (name, domain, uri) = (InstanceName::new("a"), "vm-a".to_owned(), uri.to_owned());
        BackupObject::VirtualMachine { name, domain, uri, full_every: NonZeroU32::new(every).unwrap() }
    };
    assert_eq!(machine(MACHINES), vm("qemu:///system", 14));
    let text = format!("{MACHINES}uri = \"qemu:///session\"\nfull_every = 3\n");
    assert_eq!(machine(&text), vm("qemu:///session", 3));
    let points = "name = \"n\"\nkind = \"backup-copy\"\nfrom = \"backup\"\nrepository = \"north\"\n\
                  objects = [{ name = \"shop\" }, { name = \"x\", instance = \"crm\" }]";
    let spec = jobs(points).unwrap().remove(0);
    let instances = spec.objects().iter().map(|one| match &one.object {
        BackupObject::PointCopy { instance, from, .. } => Some((instance.to_string(), from.clone())),
        BackupObject::Instance { .. }
        | BackupObject::VirtualMachine { .. }
        | BackupObject::FileTree { .. }
        | BackupObject::Standby { .. }
        | BackupObject::FileCopy { .. } => None,
    });
    let found = |instance: &str| Some((instance.to_owned(), PathBuf::from("/srv/backup")));
    assert_eq!(instances.collect::<Vec<_>>(), [found("shop"), found("crm")]);
}

#[test]
fn what_is_wrong_is_named_with_what_would_be_right() {
    let with = |more: &str| format!("{INSTANCE}{more}{SHOP}");
    let object = |object: &str| format!("{INSTANCE}objects = [{{ name = \"shop\", {object} }}]");
    for (text, says) in [
        (with("keep = 7\n"), "keep"),
        (with("keep = {}\n"), "it names none of last, daily and weekly"),
        (with("keep = { last = 7, daily = 0 }\n"), "daily is 0: leave it out"),
        (with("keep = { monthly = 7 }\n"), "unknown field `monthly`"),
        (
            "name = \"n\"\nkind = \"file-copy\"\ntarget = \"/t\"\nkeep = { last = 7 }\n\
             objects = [{ name = \"etc\", path = \"/etc\" }]"
                .to_owned(),
            "keep is not for a job of the kind file-copy",
        ),
        (with("target = \"/t\"\n"), "target is not for a job of the kind instance"),
        (with("compress = \"gzip\"\n"), "compress is for form = \"tar\" alone"),
        (with("compress = \"rar\"\n"), "unknown variant `rar`"),
        (with("checksums = \"none\"\n"), "\"none\" is no checksum of a manifest: use one of CRC32C"),
        (with("passfile = \"pw\"\n"), "passfile \"pw\" is not a whole path"),
        (with("password_command = [\"pw\"]\n"), "the program of password_command \"pw\" is not a whole path"),
        (with("password_command = []\n"), "password_command is empty"),
        (with("passfile = \"/a\"\npassword_command = [\"/b\"]\n"), "are both there"),
        (with("parallel = 0\n"), "parallel"),
        (with("rate = \"0\"\n"), "rate"),
        (format!("{MACHINES}rate = \"1M\"\n"), "rate is not for a job of the kind vm"),
        (MACHINES.replace("domain", "path"), "its object \"a\": path is not for a job of the kind vm"),
        (MACHINES.replace(", domain = \"vm-a\"", ""), "domain is missing"),
        (with("uri = \"qemu:///session\"\n"), "uri is not for a job of the kind instance"),
        (with("retry = { every = \"soon\" }\n"), "\"soon\" is not a time span"),
        (object("path = \"/x\""), "its object \"shop\": path is not for a job of the kind instance"),
        (object("conninfo = \"password=x\""), "the connection string holds password"),
        (format!("{INSTANCE}objects = [{{ name = \"shop\" }}]"), "conninfo is missing"),
        (format!("{INSTANCE}objects = []"), "has no objects"),
        (
            format!("{INSTANCE}objects = [{{ name = \"a\", conninfo = \"\" }}, {{ name = \"a\", conninfo = \"\" }}]"),
            "two objects of the name a",
        ),
        (
            with("").replace("\"north\"", "\"south\""),
            "repository \"south\" is no whole path and the name of no repository; known: north, backup",
        ),
        (
            with("").replace("repository = \"north\"\n", ""),
            "repository is missing, which a job of the kind instance needs",
        ),
        (with("").replace("\"instance\"", "\"replication\""), "repository is not for a job of the kind replication"),
        (with("").replace("\"instance\"", "\"tape\""), "unknown variant `tape`"),
        (with("").replace("nightly", "night#1"), "\"night#1\" is no name of a job"),
        (with("").replace("nightly", "-n"), "\"-n\" is no name of a job"),
        (format!("{}[[job]]\n{}", with(""), with("")), "two jobs have the name \"nightly\""),
    ] {
        let error = jobs(&text).unwrap_err();
        assert!(error.contains(says), "{says}: {error}");
    }
}
