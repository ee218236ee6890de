//! Checkpoints that were left at libvirt: found by the doctor, deleted when they are proven stale, and only then.

use crate::{
    Guest, Speed,
    daemon::{daemon, give},
    needs_libvirt, repository,
    session::command,
    support::howdah::Howdah,
};
use uuid::Uuid;

#[test]
fn a_stale_checkpoint_is_deleted_and_one_that_is_needed_foreign_or_unknown_stays() {
    needs_libvirt!();
    let (howdah, repository, daemon) = (Howdah::usual(), repository(), daemon());
    let guest = Guest::start(daemon, Speed::Fast);
    howdah.configure(&format!(
        "[[job]]\nname = \"nightly\"\nkind = \"vm\"\nrepository = \"{}\"\nuri = \"{}\"\n\
         objects = [{{ name = \"a\", domain = \"{}\" }}]\n",
        repository.display(),
        daemon.uri,
        guest.name
    ));
    give(&howdah.home);
    let run = |arguments: &[&str], code: i32| {
        let ran = command(&howdah, arguments).output().unwrap();
        let said = String::from_utf8(ran.stdout).unwrap() + &String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(code), "{arguments:?}: {said}");
        said
    };
    run(&["job", "start", "nightly", "--wait"], 0);
    let first = guest.checkpoints().remove(0);
    run(&["job", "start", "nightly", "--wait"], 0);
    let needed = guest.checkpoints().remove(0);
    assert_ne!(first, needed);
    assert_eq!(run(&["job", "clean"], 0), "", "there is nothing to say");
    let doctor = String::from_utf8(command(&howdah, &["doctor", "--json"]).output().unwrap().stdout).unwrap();
    assert!(doctor.contains("1 machine of jobs seen at libvirt, without a stale checkpoint"), "{doctor}");

    let [unknown, other] = ["nightly", "other"].map(|job| format!("howdah-{job}-{}", Uuid::now_v7()));
    for name in [&first, &unknown, &other, &"foreign".to_owned()] {
        daemon.virsh(&["checkpoint-create-as", &guest.name, name, "--diskspec", "vda"]);
    }
    let doctor = String::from_utf8(command(&howdah, &["doctor", "--json"]).output().unwrap().stdout).unwrap();
    assert!(doctor.contains("1 stale checkpoint, 1 checkpoint that may be stale at libvirt"), "{doctor}");
    assert!(doctor.contains("howdah job clean --plan"), "{doctor}");
    let plan = run(&["job", "clean", "--plan"], 0);
    for line in [format!("delete  {first} of"), format!("keep    {needed} of"), format!("keep    {unknown} of")] {
        assert!(plan.contains(&line), "{line}: {plan}");
    }
    assert!(!plan.contains(&other) && !plan.contains("foreign"), "{plan}");
    assert_eq!(guest.checkpoints().len(), 5, "a plan deletes nothing");
    let said = run(&["job", "clean"], 3);
    assert!(said.contains(&format!("{unknown} of {} was kept", guest.name)), "{said}");
    let mut left = vec![needed, unknown, other, "foreign".to_owned()];
    left.sort();
    assert_eq!(guest.checkpoints(), left);
    // With its point gone nothing is left that it is needed for; a repository that is gone proves nothing.
    std::fs::rename(repository.join("a"), repository.join("b")).unwrap();
    assert!(run(&["job", "clean", "--plan"], 0).contains("is not there, whose restore points may need it"));
    run(&["job", "clean"], 3);
    assert_eq!(guest.checkpoints(), left);
}
