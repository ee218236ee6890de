//! Machines at the command line: backed up by a job, listed with their kind, restored by name.

use crate::{
    Guest, Speed,
    daemon::{Daemon, daemon, give, scratch_of_user},
    needs_libvirt, repository,
    restoring::backed_up,
    session::command,
    support::howdah::Howdah,
};
use serde_json::Value;
use std::process::Stdio;

/// A machine of this name that a restore defines. Dropping it removes it.
struct Restored<'a>(&'a Daemon, String);

impl Restored<'_> {
    fn state(&self) -> Option<String> {
        let said = self.0.try_virsh(&["domstate", &self.1]);
        said.status.success().then(|| String::from_utf8_lossy(&said.stdout).trim().to_owned())
    }
}

impl Drop for Restored<'_> {
    fn drop(&mut self) {
        let _was_off = self.0.try_virsh(&["destroy", &self.1]);
        let _was_none = self.0.try_virsh(&["undefine", &self.1]);
    }
}

/// Standard output, and standard error.
#[track_caller]
fn run(howdah: &Howdah, arguments: &[&str], code: i32) -> (String, String) {
    let output = command(howdah, arguments).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
    (out, err)
}

#[test]
fn s14_a_machine_is_listed_with_its_kind_and_restored_by_its_name() {
    needs_libvirt!();
    let (daemon, repository, howdah) = (daemon(), repository(), Howdah::usual());
    let guest = Guest::start(daemon, Speed::Fast);
    howdah.configure(&format!(
        "repositories = [\"{0}\"]\n[[job]]\nname = \"nightly\"\nkind = \"vm\"\nrepository = \"{0}\"\nuri = \"{1}\"\n\
         objects = [{{ name = \"web\", domain = \"{2}\" }}]\n",
        repository.display(),
        daemon.uri,
        guest.name
    ));
    give(&howdah.home);
    for _ in 0..2 {
        run(&howdah, &["job", "start", "nightly", "--wait"], 0);
        guest.write();
    }
    let listed: Value = serde_json::from_str(&run(&howdah, &["backup", "list", "--json"], 0).0).unwrap();
    let rows = listed.as_array().unwrap();
    assert_eq!(rows.len(), 2, "{listed}");
    for (row, format) in rows.iter().zip(["qcow2+1", "qcow2"]) {
        let seen = (&row["instance"], &row["workload"], &row["format"], &row["problem"]);
        assert_eq!(seen, (&"vm:web".into(), &"virtual_machine".into(), &format.into(), &Value::Null), "{listed}");
    }

    let place = scratch_of_user("restores");
    let to = place.join("web");
    let copy = Restored(daemon, format!("{}-copy", guest.name));
    let wanted = ["restore", "vm:web", "--to", to.to_str().unwrap(), "--name", &copy.1];
    let (plan, _) = run(&howdah, &[&wanted[..], &["--plan"]].concat(), 0);
    assert!(plan.contains("1 increment") && plan.contains(&copy.1), "{plan}");
    assert_eq!((copy.state(), to.exists()), (None, false), "a plan writes nothing");
    let plan = run(&howdah, &[&wanted[..], &["--plan", "--json"]].concat(), 0).0;
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert!(plan["bytes"].as_u64() > Some(1 << 20) && !plan["switched_off"].as_array().unwrap().is_empty(), "{plan}");

    let ended = run(&howdah, &[&wanted[..], &["--json"]].concat(), 0).0;
    let ended: Value = serde_json::from_str(&ended).unwrap();
    let ending = ended["ending"].as_str().unwrap();
    assert!(ending.contains(&format!("I am {}", guest.name)), "{ended}");
    assert_eq!((copy.state().as_deref(), ended["instance"].as_str()), (Some("running"), Some("vm:web")), "{ended}");
    guest.write();

    let (_, refused) = run(&howdah, &wanted, 3);
    assert!(refused.contains(to.to_str().unwrap()), "what stands there is not touched: {refused}");
    let elsewhere = place.join("again");
    let again = ["restore", "vm:web", "--to", elsewhere.to_str().unwrap(), "--name", &copy.1];
    let (_, refused) = run(&howdah, &again, 3);
    assert!(refused.contains(&copy.1) && !elsewhere.exists(), "the name is taken: {refused}");
}

#[test]
fn what_means_nothing_for_a_machine_is_refused_and_so_is_looking_into_it() {
    needs_libvirt!();
    let (daemon, repository, howdah) = (daemon(), repository(), Howdah::usual());
    let guest = Guest::start(daemon, Speed::Fast);
    backed_up(daemon, &guest, &repository, 1);
    give(&howdah.home);
    let name = format!("vm:{}", guest.name);
    let repo = ["--repo", repository.to_str().unwrap()];
    for (arguments, says) in [
        (vec!["restore", &name, "--port", "5440"], "--port has no meaning for a virtual machine"),
        (vec!["restore", &name, "--include", "a"], "--include has no meaning for a virtual machine"),
        (vec!["explore", "start", &name], "is a virtual machine: only howdah restore takes it"),
        (vec!["backup", "verify", &name], "is a virtual machine: only howdah restore takes it"),
        (vec!["restore", &guest.name], "there is no instance"),
    ] {
        let (_, err) = run(&howdah, &[&repo[..], &arguments].concat(), 3);
        assert!(err.contains(says), "{arguments:?}: {err}");
    }
}
