//! An order of each kind, for the records that are read for ever.

use super::sample;
use howdah::domain::{
    AtTarget, AttemptNo, BackupForm, BackupObject, BackupOrder, BackupPlan, BackupSource, ByteCount, ChainMember,
    Compression, DataPlan, ExistingItem, ExplorePlan, FileMethod, FilesRestore, InstanceName, ItemDestination,
    ItemName, ItemOrder, ItemPart, ItemPlan, JobId, Keep, Lsn, MachineRestore, MajorVersion, OpenPoint, Order,
    PasswordSource, PlannedItem, Port, Progress, Rate, Recovery, RecoveryGoal, RecoveryPlan, RecoveryTimeline,
    RestoreOrder, ServerAddress, SessionId, SystemIdentifier, Timeline, Upstream, VerifyPlan, WalProgress,
    explore::ReplayPlan,
    fact::{PausePoint, PausedServer},
    plan::{KeepPlan, ServerPlan, WalFinding},
};
use std::time::Duration;

/// A wish for a recovery that differs from what a restore has in everything.
pub(crate) fn recovery() -> Recovery {
    Recovery {
        goal: RecoveryGoal::Time(sample::after(600)),
        inclusive: false,
        timeline: RecoveryTimeline::Number(Timeline(2)),
        at_target: AtTarget::Pause,
        standby_of: Some(Upstream { conninfo: "host=primary user=replicator".to_owned(), slot: Some("s1".to_owned()) }),
        archive: None,
    }
}

/// An order of each kind that the others do not hold.
pub(crate) fn orders() -> Vec<(&'static str, Order)> {
    let name = InstanceName::new;
    let machine = MachineRestore {
        machine: name("web"),
        label: "2026-11-20T0200".to_owned(),
        backup: "/backup/web/2026-11-20T0200".into(),
        size: ByteCount(1 << 30),
        taken_at: sample::start(),
        directory: "/var/lib/libvirt/images/web-2".into(),
        name: name("web-2"),
        uri: "qemu:///system".to_owned(),
        start: true,
        network: false,
        max_rate: None,
    };
    let files = FilesRestore {
        tree: name("share"),
        repository: "/backup/restic".to_owned(),
        password_file: Some("/etc/howdah/restic".into()),
        label: String::new(),
        snapshot: "4bba301e".to_owned(),
        taken_at: sample::start(),
        directory: "/srv/share-2".into(),
        include: vec!["/srv/share/ana".into()],
    };
    let items = ItemOrder {
        instance: name("orders-1"),
        // As it is read from records that did not tell it.
        from: OpenPoint { session: SessionId(0), uuid: uuid::Uuid::nil(), scratch: std::path::PathBuf::new() },
        items: vec![
            ItemName::Database { database: "shop".to_owned() },
            ItemName::Schema { database: "shop".to_owned(), schema: "public".to_owned() },
            ItemName::Table { database: "shop".to_owned(), schema: "public".to_owned(), table: "lines".to_owned() },
        ],
        part: ItemPart::Data,
        to: ItemDestination::Server {
            conninfo: "host=live dbname=shop".to_owned(),
            existing: ExistingItem::Rename { to: "lines_old".to_owned() },
        },
    };
    let mut engines = vec![
        ("restore_machine", Order::Restore(RestoreOrder::VirtualMachine(machine))),
        ("restore_files", Order::Restore(RestoreOrder::Files(files))),
        ("verify", sample::verify_order()),
        ("explore", sample::explore_order()),
        ("items", Order::Items(items)),
        ("backup", sample::backup_order()),
    ];
    engines.extend(backups());
    let (config, stanza, set) = (None, "orders".to_owned(), "20261120-020000F".to_owned());
    let pgbackrest = BackupSource::PgBackRest { config, stanza, repository: 1, set };
    let barman = BackupSource::Barman { config: None, server: "orders".to_owned(), id: "20261120T020000".to_owned() };
    let rests_on = vec![ChainMember {
        label: "2026-11-19T0200".to_owned(),
        directory: "/backup/orders-1/2026-11-19T0200".into(),
        form: BackupForm::Plain,
    }];
    let (directory, form) = ("/backup/orders-1/2026-11-20T0200".into(), BackupForm::Tar(Compression::Gzip));
    let incremental = BackupSource::Incremental { directory, form, rests_on };
    let sources =
        [("restore_pgbackrest", pgbackrest), ("restore_barman", barman), ("restore_incremental", incremental)];
    for (name, source) in sources {
        let mut order = sample::request(7);
        (order.point.source, order.recovery) = (source, recovery());
        engines.push((name, order.into()));
    }
    let mut order = sample::request(7);
    order.recovery = Recovery { archive: Some("/srv/wal/orders-1".into()), ..recovery() };
    engines.push(("restore_from_archive", order.into()));
    engines
}

/// Orders to back up that say all they can.
fn backups() -> [(&'static str, Order); 5] {
    let name = InstanceName::new;
    let order = |object, keep| {
        let (job, run, run_uuid) = (name("nightly"), JobId(4), uuid::Uuid::from_u128(4));
        let (repository, max_rate) = (Some("/backup".into()), Rate::per_second(1 << 20));
        Order::Backup(BackupOrder { job, run, run_uuid, object, repository, max_rate, keep })
    };
    let instance = |password| BackupObject::Instance {
        name: name("orders-1"),
        conninfo: "service=orders".to_owned(),
        password,
        tar: None,
        checksums: "SHA256".to_owned(),
        slot: Some("nightly".to_owned()),
    };
    let command = vec!["/usr/bin/pass".to_owned(), "orders".to_owned()];
    let files = BackupObject::FileCopy { name: name("share"), path: "/srv/share".into(), target: "/mnt/copies".into() };
    let points = BackupObject::PointCopy { name: name("a"), instance: name("orders-1"), from: "/backup".into() };
    [
        ("backup_with_passfile", order(instance(PasswordSource::Passfile("/etc/howdah/pgpass".into())), None)),
        ("backup_with_command", order(instance(PasswordSource::Command(command)), None)),
        ("backup_of_files", order(files, None)),
        ("backup_of_points", order(points.clone(), None)),
        ("backup_keeping", order(points, Some(Keep::new(Some(7), None, Some(8)).unwrap()))),
    ]
}

/// The plan of an opening that has come to its end.
/// The replay of a plan, with all that it can hold.
pub(crate) fn recovery_plan() -> RecoveryPlan {
    RecoveryPlan {
        archive: "/srv/wal/orders-1".into(),
        goal: "2026-11-20 13:29:59 UTC".to_owned(),
        then: "recovery pauses there".to_owned(),
        path: vec![Timeline(1), Timeline(2)],
        start: Lsn(0x200_0028),
        consistent: Lsn(0x200_0138),
        end: Lsn(0x500_0000),
        last_record: Some(Lsn(0x4FF_FF00)),
        until: Some(sample::after(600)),
        segment_size: ByteCount(16 << 20),
        segments: 3,
        bytes: ByteCount(48 << 20),
        first: "000000010000000000000002".to_owned(),
        last: "000000020000000000000004".to_owned(),
        takes: Some((Duration::from_secs(1), Duration::from_secs(3))),
    }
}

pub(crate) fn explore_plan() -> ExplorePlan {
    let (start, stop) = (Lsn(0x200_0028), Lsn(0x200_0138));
    ExplorePlan {
        scratch: "/srv/pg/.howdah-explore/1".into(),
        method: FileMethod::Overlay,
        reasons: vec!["no clones: the backup is on another file system".to_owned()],
        bytes: ByteCount(2000),
        files: 30,
        copies: ByteCount(0),
        free_bytes: ByteCount(9000),
        limit: ByteCount(7200),
        wal: WalFinding::Included { start, stop },
        replay: Some(ReplayPlan {
            segments: 1,
            bytes: ByteCount(0x110),
            at_best: Duration::ZERO,
            at_worst: Duration::from_secs(1),
        }),
        server: ServerPlan::Start {
            binaries: "/usr/lib/postgresql/15/bin".into(),
            version: MajorVersion(15),
            user: "postgres".to_owned(),
            port: Port::new(5432).unwrap(),
            leave_running: true,
        },
        system_identifier: Some(SystemIdentifier(u64::MAX - 1)),
        warnings: vec!["a warning".to_owned()],
        recovery: None,
        open: Some(ServerAddress {
            sockets: "/tmp/howdah-a-0".into(),
            port: Port::new(5432).unwrap(),
            role: "postgres".to_owned(),
            programs: "/usr/lib/postgresql/15/bin".into(),
            version: MajorVersion(15),
        }),
    }
}

/// The plan of a table that is taken out.
pub(crate) fn item_plan() -> ItemPlan {
    let name = ItemName::Table { database: "shop".to_owned(), schema: "public".to_owned(), table: "lines".to_owned() };
    ItemPlan {
        items: vec![PlannedItem {
            name,
            tables: 1,
            bytes: ByteCount(8192),
            existing: Some("a table with 5 rows".to_owned()),
            becomes: "public.lines_old".to_owned(),
        }],
        to: "host=live".to_owned(),
        method: vec!["pg_dump 15, then pg_restore 15 in one transaction".to_owned()],
        missing_roles: vec!["ana".to_owned()],
        missing_extensions: vec!["hstore".to_owned()],
        free_bytes: Some(ByteCount(70)),
        warnings: vec!["a warning".to_owned()],
    }
}

pub(crate) fn data_plan() -> DataPlan {
    DataPlan {
        directory: "/var/lib/libvirt/images/web-2".into(),
        bytes: ByteCount(1000),
        files: 2,
        reused: ByteCount(10),
        free_bytes: ByteCount(5000),
        free_inodes: Some(700),
        method: vec!["a full and 2 increments become one image".to_owned()],
        switched_off: vec!["its network".to_owned()],
        warnings: vec!["a warning".to_owned()],
    }
}

/// A pause whose server can be found again.
pub(crate) fn served_pause() -> PausePoint {
    let address = explore_plan().open.unwrap();
    let server = Some(Box::new(PausedServer { mark: sample::mark(AttemptNo(9)), address }));
    PausePoint { server, ..sample::pause_point() }
}

/// Replay that goes on behind the backup's end.
pub(crate) fn beyond_backup() -> Progress {
    let progress = sample::progress(10, Some(5));
    let beyond = |wal| WalProgress {
        goal: Some(Lsn(200)),
        committed: Some(sample::start()),
        segment: Some(ByteCount(16)),
        ..wal
    };
    Progress { wal: progress.wal.map(beyond), ..progress }
}

pub(crate) fn verify_plan() -> VerifyPlan {
    let wal = WalFinding::Missing { what: "000000010000000000000002".to_owned() };
    VerifyPlan { bytes: ByteCount(1000), files: 10, wal: Some(wal), checksum: Some("SHA256".to_owned()) }
}

pub(crate) fn backup_plan() -> BackupPlan {
    BackupPlan {
        directory: "/backup/orders-1".into(),
        bytes: ByteCount(1000),
        files: 0,
        free_bytes: ByteCount(5000),
        free_inodes: Some(700),
        method: vec!["pg_basebackup 15 of /usr/lib/postgresql/15/bin".to_owned()],
        version: Some(MajorVersion(15)),
        system_identifier: Some(SystemIdentifier(u64::MAX - 1)),
        warnings: vec!["a warning".to_owned()],
        keep: None,
    }
}

/// One that removes something.
pub(crate) fn keeping_plan() -> BackupPlan {
    let keep = KeepPlan { removes: vec!["2026-11-13T020000".to_owned()], stays: 7 };
    BackupPlan { keep: Some(keep), ..backup_plan() }
}
