//! The plan: the engine's part of it, the server's part, and every reason to refuse that can be known before the copy.
//!
//! Promises: writes nothing; what it refuses would have failed later and at greater cost. Never: refuses what
//! it merely cannot know.

use crate::{
    archive::{self, Tools},
    domain::{
        BackupForm, BackupSource, ClusterRestore, Failure, FilePlan, MajorVersion, RecoveryPlan, RestorePlan,
        ServerWish, SystemIdentifier, WorkerSettings,
        plan::{ServerPlan, TablespacePlan, WalFinding},
    },
    engine::{
        Engine, Planned,
        claim::{self, Own},
        watched::watched,
    },
    postgres::{
        account::{Account, Permission},
        binaries::{Binaries, NoBinaries},
        configure::{
            self,
            preload::{self, Preloaded},
            switched_off,
        },
        server::port,
    },
    worker::recovery,
};
use std::{path::Path, thread};

/// Who would own the files and run the server, or why nobody could. A restore of files alone does without.
pub(in crate::worker) type ServerAccount = Result<Account, Failure>;

/// The plan, and what the later steps need of how it was made.
pub(in crate::worker) struct Checked {
    pub(in crate::worker) plan: RestorePlan,
    /// The programs of the backup's version, where they are here.
    pub(in crate::worker) binaries: Option<Binaries>,
    /// The cluster that was backed up, where that is known.
    pub(in crate::worker) cluster: Option<SystemIdentifier>,
}

/// Makes the whole plan.
pub(in crate::worker) fn plan(
    engine: &mut dyn Engine,
    request: &ClusterRestore,
    settings: &WorkerSettings,
    who: &ServerAccount,
    own: &Own,
) -> Result<Checked, Failure> {
    let (holds, own) = (request.holds(), own.clone());
    let target = request.target.directory().display();
    watched(&target.to_string(), settings.stall_timeout, move |_| {
        Ok::<(), Failure>(claim::refuse_if_held(&holds, &own, None)?)
    })?;
    plan_of_free(engine, request, settings, who)
}

/// The same where it is known that nobody else holds the places.
pub(in crate::worker) fn plan_of_free(
    engine: &mut dyn Engine,
    request: &ClusterRestore,
    settings: &WorkerSettings,
    who: &ServerAccount,
) -> Result<Checked, Failure> {
    if let Ok(account) = who {
        reachable(account, request)?;
    }
    let catalogued = request.point.facts.version;
    // To ask a program its version takes as long as to look at the files: both at once, where the catalog has it.
    let (files, programs) = thread::scope(|scope| {
        let asked = scope.spawn(|| catalogued.map(|version| programs(settings, who, version)));
        (engine.plan(), asked.join().ok().flatten())
    });
    let Planned { mut files, mut warnings } = files?;
    let cluster = cluster(request, files.system_identifier)?;
    files.system_identifier = cluster;
    let version = files.version.or(catalogued);
    let found = programs.filter(|_| version == catalogued);
    let (server, binaries) = server_with(request, settings, who, version, found)?;
    if let (ServerPlan::Start { .. }, WalFinding::Missing { what }) = (&server, &files.wal)
        && !request.recovery.goes_beyond_backup()
    {
        return Err(Failure::incurable(
            format!("the backup does not hold the WAL that a server needs to start on it: {what}"),
            "choose a restore point that holds its WAL (pg_basebackup -X stream), or restore the files only",
        ));
    }
    match who {
        Ok(account) => warnings.extend(account.lost_groups()),
        Err(failure) => {
            warnings.push(format!("the files will belong to the user that howdah runs as: {}", failure.cause));
        }
    }
    let mut switched_off = switched_off::page(version);
    match preloaded(request, binaries.as_ref()) {
        Some(preloaded) => {
            switched_off.extend(preloaded.switched_off);
            warnings.extend(preloaded.warnings);
        }
        None => switched_off.push(preload::unsettled()),
    }
    let tools = who.as_ref().ok().zip(binaries.as_ref());
    let recovery = self::recovery(request, (&files, &server), tools, settings)?;
    files.tablespaces = files.tablespaces.into_iter().map(shown).collect();
    let plan = RestorePlan {
        directory: request.target.directory().to_owned(),
        files,
        server,
        warnings,
        switched_off,
        backup: request.point.source.directory().map(Path::to_owned),
        recovery: recovery.map(Box::new),
    };
    Ok(Checked { plan, binaries, cluster })
}

/// The replay that is asked for beyond the backup's own end.
fn recovery(
    request: &ClusterRestore,
    (files, server): (&FilePlan, &ServerPlan),
    tools: Option<Tools<'_>>,
    settings: &WorkerSettings,
) -> Result<Option<RecoveryPlan>, Failure> {
    let wish = &request.recovery;
    if !wish.goes_beyond_backup() {
        return Ok(None);
    }
    if wish.standby_of.is_some() {
        let cause = "this howdah makes no standby out of a restore point";
        return Err(Failure::incurable(
            cause,
            "let a replication job of the settings seed it ([[job]] kind = \"replication\")",
        ));
    }
    if let ServerPlan::NoServer { reason } = server {
        let cause = format!("WAL is replayed to {} by a server, and none is started: {reason}", wish.goal);
        return Err(Failure::incurable(cause, "restore to the backup's own end, or let a server start"));
    }
    let archive = wish.archive.as_deref().ok_or_else(|| {
        let cause = format!("the order to recover to {} names no WAL archive", wish.goal);
        Failure::incurable(cause, "name one with wal under [[repository]] in howdah.toml, and start a new restore")
    })?;
    let included = matches!(files.wal, WalFinding::Included { .. });
    let mut facts = request.point.facts.clone();
    facts.learn(files.system_identifier);
    let (wish, archive, stall) = (wish.clone(), archive.to_owned(), settings.stall_timeout);
    let (account, binaries) = tools.map(|(account, binaries)| (account.clone(), binaries.clone())).unzip();
    let shown = archive.display().to_string();
    let mut plan = watched(&shown, stall, move |_| {
        archive::plan(&facts, included, &wish, &archive, account.as_ref().zip(binaries.as_ref()))
    })?;
    let bytes = plan.end.0.saturating_sub(plan.start.0);
    plan.takes = settings.state.as_deref().and_then(|state| recovery::expected(state, bytes));
    Ok(Some(plan))
}

/// What the libraries of the cluster amount to, where that is cheap to know: archives would have to be unpacked.
fn preloaded(request: &ClusterRestore, binaries: Option<&Binaries>) -> Option<Preloaded> {
    // A backup whose settings cannot be read now is looked at again when it is copied, and then it counts.
    match &request.point.source {
        // The files of settings are whole in an incremental one, too.
        BackupSource::BaseBackup { directory, form: BackupForm::Plain }
        | BackupSource::Incremental { directory, form: BackupForm::Plain, .. } => {
            preload::of_backup(directory, binaries?).ok()
        }
        BackupSource::BaseBackup { form: BackupForm::Tar(_), .. }
        | BackupSource::Incremental { form: BackupForm::Tar(_), .. }
        | BackupSource::PgBackRest { .. }
        | BackupSource::Barman { .. } => None,
    }
}

/// The cluster of the backup. Another than was ordered means that the backup at this path is no longer the same one.
fn cluster(request: &ClusterRestore, found: Option<SystemIdentifier>) -> Result<Option<SystemIdentifier>, Failure> {
    match (request.point.facts.system_identifier, found) {
        (Some(ordered), Some(found)) if ordered != found => {
            let path = &request.point.source;
            let cause = format!("the backup in {path} is of the cluster {found}, and one of {ordered} was ordered");
            let advice = "the backup was replaced: see howdah backup list, and start a restore of the right one";
            Err(Failure::incurable(cause, advice))
        }
        (ordered, found) => Ok(found.or(ordered)),
    }
}

/// The original place is for a person to read; it may hold bytes that no report can carry.
fn shown(tablespace: TablespacePlan) -> TablespacePlan {
    let original = tablespace.original.to_string_lossy().into_owned().into();
    TablespacePlan { original, ..tablespace }
}

/// What happens after the files, and the programs that do it.
pub(in crate::worker) fn server(
    request: &ClusterRestore,
    settings: &WorkerSettings,
    who: &ServerAccount,
    version: Option<MajorVersion>,
) -> Result<(ServerPlan, Option<Binaries>), Failure> {
    server_with(request, settings, who, version, None)
}

type FoundPrograms = Result<Binaries, NoBinaries>;

fn programs(settings: &WorkerSettings, who: &ServerAccount, version: MajorVersion) -> FoundPrograms {
    Binaries::find(version, settings, std::env::var_os("PATH").as_deref(), who.as_ref().ok())
}

/// The same where the programs of this version were looked for already.
fn server_with(
    request: &ClusterRestore,
    settings: &WorkerSettings,
    who: &ServerAccount,
    version: Option<MajorVersion>,
    found: Option<FoundPrograms>,
) -> Result<(ServerPlan, Option<Binaries>), Failure> {
    let none = |reason: String| (ServerPlan::NoServer { reason }, None);
    let Some(version) = version else {
        let reason = "the backup tells its PostgreSQL version only once it is copied; what to start is settled then";
        return Ok(none(reason.to_owned()));
    };
    let found = found.unwrap_or_else(|| programs(settings, who, version));
    let leave_running = match request.server {
        ServerWish::LeaveRunning => true,
        ServerWish::StopAfterProbe => false,
        // The programs still help to look into the settings.
        ServerWish::FilesOnly => {
            let reason = "only the files were asked for".to_owned();
            return Ok((ServerPlan::NoServer { reason }, found.ok().filter(|_| who.is_ok())));
        }
    };
    let binaries = match found {
        Ok(binaries) => binaries,
        Err(missing) => return Ok(none(missing.to_string())),
    };
    let account = who.as_ref().map_err(Clone::clone)?;
    let port = request.target.port();
    if leave_running {
        port::check_free(port, &configure::socket_directory(account))?;
    }
    let plan = ServerPlan::Start {
        binaries: binaries.directory().to_owned(),
        version,
        user: account.name().to_owned(),
        port,
        leave_running,
    };
    Ok((plan, Some(binaries)))
}

/// Root can put files where the server's user never gets to: refused before the copy.
fn reachable(account: &Account, request: &ClusterRestore) -> Result<(), Failure> {
    if account.owner().is_none() || request.server == ServerWish::FilesOnly {
        return Ok(());
    }
    let target = &request.target;
    let tablespaces = target.tablespaces().values().map(std::path::PathBuf::as_path);
    for directory in std::iter::once(target.directory()).chain(tablespaces) {
        // The directory itself will be given to the user; what is above it must let the user pass.
        let Some(above) = directory.ancestors().skip(1).find(|path| path.exists()) else { continue };
        if !above.is_dir() {
            let cause = format!("{} is not a directory, so nothing can be restored below it", above.display());
            return Err(Failure::incurable(cause, "choose another place"));
        }
        let may = account.may(Permission::Enter, above).map_err(|e| {
            Failure::disruption(format!("cannot ask whether {} gets to {}: {e}", account.name(), above.display()), "")
        })?;
        if !may {
            return Err(Failure::incurable(
                format!("the user {} that will run the server cannot get to {}", account.name(), above.display()),
                format!(
                    "let it pass (chmod o+x on the directories above), or restore to a place such as {}",
                    elsewhere(directory).display()
                ),
            ));
        }
    }
    Ok(())
}

/// A place that works on any machine, under the same name.
fn elsewhere(directory: &Path) -> std::path::PathBuf {
    Path::new("/var/lib/howdah").join(directory.file_name().unwrap_or_default())
}
