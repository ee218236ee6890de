//! howdah: a terminal console that restores PostgreSQL instances and watches them come back.
//!
//! # The picture
//!
//! ```text
//!   console, started alone      console, started second     howdah restore, howdah session ...
//!        │ in-process                  │ socket                      │ socket
//!        ▼                             ▼                             ▼
//!  ┌───────────────── owner process: that console, or howdah keeper ─────────────────┐
//!  │ manager (actor) ── machine (pure) ── journal (SQLite) ── control (socket)       │
//!  └────────┬──────────────────┬───────────────────┬─────────────────────────────────┘
//!           │ launch, stop     │ events.jsonl      │ adopt
//!           ▼                  ▼                   ▼
//!        worker             worker              worker      one process an attempt, each its own session
//!     (a restore)       (a verification)       (a disposal)
//!           │                  │                    │
//!   engine::native,     engine::verify        engine::claim    what the files are, and whose
//!   postgres (server)          │
//!           └── engine::source ┘                               reading a backup: archives, trees, manifests
//! ```
//!
//! A session carries out an **order**. There are five (`domain::order`), of four kinds, and a kind is the place where a
//! session is shown: Restore, Verify, Explore, Backup. The machine, the journal, the socket and the screen carry them all
//! alike; what differs is answered by the order itself (its steps, what it holds, what it may leave behind), in matches
//! that the compiler keeps complete.
//!
//! A backup **job** stands above sessions: one run of it is a list of objects, and an object in process is a session of
//! kind Backup whose parent is the run (`machine::job`). The run decides what is begun, what a stop asks of the sessions,
//! and how it ends; all else is the sessions'.
//!
//! One process owns a state directory, by a lock. Its manager takes every command, lets the machine decide it, stores
//! the events durably, and only then acts. An attempt is a worker process that needs neither its owner nor a terminal;
//! what it does it writes into its own directory, where the next owner finds it.
//!
//! An owner that leaves, for whatever reason, releases the lock and starts a keeper, which replays the journal and
//! adopts. After a crash the next owner does the same: there is no second mechanism. Reading needs no owner at all: the
//! journal and the attempts' files say how things stand.
//!
//! # The layers
//!
//! A file imports only from layers below its own; siblings do not know each other (held by `tests/tidy.rs`).
//!
//! ```text
//!  6  app, main                     puts the parts together
//!  5  console       cli             the faces
//!     demo                          stories that are played: simulated attempts under the real manager
//!  4  control                       the owner's socket: how other processes see sessions and steer them
//!  3  manager       worker          the owner of sessions; the inside of an attempt
//!  2  journal  attempt  catalog     what the manager needs from outside         engine: what a worker needs
//!  1  machine       postgres        what may happen to a session; what PostgreSQL writes and how it is run
//!     restic                        how restic is asked; started as PostgreSQL's programs are, the one thing it knows of them
//!     archive                       WAL archives: what is in them, how far they reach; knows postgres
//!     libvirt                       restore points of virtual machines, and virsh; runs programs as postgres does
//!     overlay                       a backup as a writable directory (FUSE), served by a process of its own
//!  0  domain        process         words and values; processes as the kernel shows them
//!     private_file                  files that only their owner reads (mode 0600)
//!     recording                     recordings of a terminal (asciicast), and the terminal in memory that shows them
//! ```
//!
//! # Adding a kind of work
//!
//! Tried on verify, the second one. Each step but the last two is a match or a type that the compiler names.
//!
//! 1. `domain/order.rs`: the order's variant, and what each question means for it: kind, title, steps, `needs_slot`,
//!    leftover, label, directory, port; `holds` in `domain/hold.rs`.
//! 2. New steps: `domain/step.rs`; what each is called while it runs: `console/view/states.rs`.
//! 3. Its plan and its result: `domain/plan.rs`, `domain/outcome.rs`, `domain/fact.rs` when an attempt ends in a new way;
//!    the sentences in `machine/describe.rs`; the Request page in `console/view/request.rs`.
//! 4. A variant that is new raises `journal::RECORD_VERSION` and `ticket::CONTRACT_VERSION`: older builds refuse it by
//!    number. Records of each version stay in `tests/records/`, and `domain/upgrade.rs` reads the older ones.
//! 5. The work: a file or folder in `worker/`, chosen in `worker/attempt.rs`; what deals with its leftovers, in the match
//!    below it.
//! 6. Its own rules: `tests/machine/kind_invariants.rs`, with a bug for each in `kind_mutants.rs`; the search runs for
//!    each order in `tests/machine.rs`.
//! 7. How a person orders it: a verb in `cli/args.rs` with a file in `app/`, an action in `console/action.rs` with a key.
//!
//! Not touched: the machine's phases, the manager, the journal's tables, the socket, adoption, cancel, log and events.
//!
//! # Adding a kind of object to jobs
//!
//! 1. `domain/object.rs`: its variant, and what each question means for it: where its data goes, what it holds, whether
//!    this build can back it up.
//! 2. `worker/backup/`: a file or folder that looks and decides (the plan), runs the steps, and removes what it left;
//!    the matches in `worker/backup/mod.rs` name it. What comes in is below `.incoming-<session>`, gets its name by one
//!    rename when it is whole, and bears a mark (`domain/point_mark.rs`).
//! 3. `tests/backup/`: each of its ends, with what is left on the disk and at what was backed up.
//!
//! # Adding an engine
//!
//! An engine is chosen by where a restore point comes from, in `worker/engine_factory.rs`.
//!
//! 1. `domain/backup.rs`: a variant of `BackupSource`, with what its program needs to find the backup, and whether the mark
//!    of a restore from it stands inside its target or beside it.
//! 2. The program's own words (arguments, JSON, exit codes) in a room of their own on layer 1, since catalog and engine
//!    both need them and do not know each other.
//! 3. `catalog`: reading its repositories; a restore point names its source.
//! 4. `engine/`: a folder that implements [`engine::Engine`]: plan, copy, hand over, complete. Whose a target is, what may
//!    be touched, setting aside, room and disposal are the claim's, not the engine's.
//! 5. `worker/engine_factory.rs`: the match. `worker/verify.rs`, `console/view/instance.rs` and `cli/backup_list.rs` ask
//!    the same question, and the compiler names them.
//!
//! # Adding a screen
//!
//! 1. What it shows is in the model (`console/model/`): the snapshot and the catalog, never a copy of them.
//! 2. A heading of the tree: `console/model/node.rs` (group and sections). A page of the preview: `console/view/preview.rs`
//!    chooses, a file in `console/view/` paints. Painting takes a model and a width and returns lines.
//! 3. What a person can do there: `console/action.rs` (name, label, help), `console/keymap.rs` (keys by context),
//!    `console/situation.rs` (whether it may be done now, and why not), `console/update/` (what follows). Nothing that
//!    starts or ends work is done by one key.
//! 4. Scenes in `tests/screens/` at five sizes; keys, palette, help and README take the action from its table.
//!
//! # What always holds
//!
//! | Invariant | Held by |
//! |---|---|
//! | Nothing is acted on before it is durable. | `tests/manager.rs`, journal that fails |
//! | A place is claimed, then marked, then written, across state directories and users (S9). | `tests/quarrel.rs` |
//! | Of two owners the newer one counts: each transaction names its epoch. | `tests/ownership.rs`, `tests/journal.rs` |
//! | What a lost journal forgot is told and can be brought back (S10). | `tests/ownership.rs`, `tests/machine.rs` |
//! | Only `machine::evolve` changes a phase; history cannot be refused. | private fields; `tests/machine.rs` |
//! | A server that is lost at the goal of its recovery is brought back there, by whoever owns the sessions next. | `tests/manager.rs`, exhaustive search |
//! | Recovery that is paused only goes forward. | `tests/machine.rs` |
//! | Never an eleventh try (R9); never two attempts of one session at once. | `tests/machine.rs`, exhaustive search |
//! | A clock that is set back makes nothing wait longer than one pause. | `tests/machine.rs`, `tests/manager.rs` |
//! | Failure alone never moves a session out of Restore (R6). | `tests/machine.rs` |
//! | Completed means that the attempt's whole process group is gone (D6). | `tests/real_faults.rs` |
//! | No session ends because a console, a link or an owner went away (R28, R29). | `tests/outlive.rs`, `tests/chaos.rs` |
//! | Whoever is killed, and when: no session is lost, no attempt works beside another. | `tests/chaos.rs` |
//! | One place is one session's from order to end, across state directories (S9). | `tests/quarrel.rs`, `tests/chaos.rs` |
//! | A hook is run at most once for an occasion, and holds up nobody. | `tests/hook.rs` |
//! | A run of a job has ended when its sessions have, and ends as its stop and its objects say (R30 to R43, D8). | `tests/job.rs`, exhaustive search |
//! | An object of a job is begun once, whenever the owner dies; it and its session are true together. | `tests/manager.rs`, `tests/journal.rs` |
//! | A cancel from the command line leaves alone what a console started (R27). | `tests/manager.rs`, `tests/session.rs` |
//! | `global/pg_control` is put in place last, after Configure (S3). | the native engine's own tests, `tests/real_faults.rs` |
//! | An incremental backup is put together of what was verified, beside its target, and restored whole or not at all (S3). | `tests/incremental.rs` |
//! | A recovery that ended anywhere else than at its goal is called so before its server is opened to anyone. | `tests/pitr.rs` |
//! | WAL that is missing, damaged or foreign is never the end of a recovery; an archive that is away is waited for. | `tests/wal_fetch.rs`, `tests/pitr.rs` |
//! | A window is what a slow and plain reading of the archive says. | `tests/archive.rs` |
//! | Nothing is written outside the target; nothing foreign is deleted (S8, D7). | `tests/bad_input.rs`, the engine's tests |
//! | A restore point of a job has its name when it is whole, verified and on the disk; earlier ones stay byte for byte (R36). | `tests/backup.rs` |
//! | An older restore point goes by the mark in itself and the job's `keep`; none that is read, or that one rests on. | `tests/backup.rs`, `domain::keep`'s tests, exhaustive |
//! | Whoever is killed, and when: a run ends, and what it says of its objects is what is on the disk. | `tests/job_chaos.rs` |
//! | A backup that was ended has nothing left on the disk or on the server, or says what was not seen (R34). | `tests/backup.rs` |
//! | A standby has its name when it is whole, verified and can only be a standby; a foreign slot or directory, or one that was promoted, is not touched. | `tests/standby.rs` |
//! | A standby that can never stream again is seeded anew beside itself; until the new one is whole it stays as it is, and is set aside then (R36, S8). | `tests/standby.rs` |
//! | A standby that was ended has no server, slot or directory left, or says what was not seen; one of an earlier run stays (R34, R36). | `tests/standby.rs` |
//! | A machine is made of what was compared with its record, meets its source nowhere, and is known again by its mark alone. | `tests/vm.rs`, `libvirt::clone`'s tests |
//! | An item is taken out whole or not at all, and once, whoever is killed; what stands at the destination is not touched. | `tests/items.rs` |
//! | Looking into an open restore point and comparing it only reads, and runs no function of the backup. | `tests/items.rs` |
//! | A tree of files has its name when restic has read it back and it was counted; what was asked for alone is in it. | `tests/files.rs` |
//! | A verification writes nothing; damage is its result, and what was not read is no damage (S15). | the verifier's own tests, `tests/verify.rs` |
//! | What a crashed session has left open goes when it is proven ours and nobody's; all else stays. | `tests/explore.rs` |
//! | An overlay never writes to a backup, and is after a kill what it had acknowledged. | `tests/overlay.rs` |
//! | What was unpacked for open restore points stays as long as one of them needs it, and goes with the last. | `tests/explore.rs`, the worker's own tests |
//! | PostgreSQL gets a segment that fits its name and its cluster, or an answer that it cannot take for the archive's end unless that is what it is. | `tests/wal_fetch.rs`, the archive's own tests |
//! | A copy does nothing to the world around it by itself (S13). | `postgres::configure`'s tests, `tests/real_restore.rs` |
//! | One unreadable record or backup hides no other (S10). | `tests/journal.rs`, the catalog's tests |
//! | Foreign text reaches the terminal only as printable text. | `domain::instance`, `tests/screens.rs` |
//! | A peer on the socket that is slow, broken, hostile or foreign harms nobody but itself. | `tests/control.rs` |
//! | Of a recording only characters and colours reach a terminal. | `tests/player.rs`, the player's own tests |
//! | A demo touches no disk and starts no process; its recording is the same wherever it is made. | `tests/demo.rs` |
//! | A recording, and the picture that moves, show what the screen showed. | `tests/golden.rs` |
//! | A recording of a live console is what its terminal was sent, and holds up nobody. | `tests/record.rs` |
//! | What a journal holds can be seen again, with the clock of then, by whoever may read it. | `tests/session.rs` |
//! | The screen draws when something changed, and only then. | `tests/golden.rs` |
//! | Whatever is pressed, and whatever comes: no selection leads nowhere, and each key that is known is answered. | `tests/steps.rs` |
//!
//! # Words
//!
//! - **Instance**: a PostgreSQL cluster that was backed up, under the name the repository gives it.
//! - **Restore point**: one backup of one instance that can be restored.
//! - **Order**: what a session was asked to do: restore, verify, explore, take items out, back up. **Kind**: the heading
//!   that it stands under. **Parent**: the session or run of a job that it belongs to.
//! - **Session**: one order being carried out, from its start to its end.
//! - **Job**: backups that are made together, in an order. **Run**: one time that a job is carried out. **Object**: one thing
//!   that it backs up, **in process** from the moment that its session is stored.
//! - **Attempt**: one run of the engine for a session. **Try**: an attempt started by the clock. **Retry**: one started
//!   by a person.
//! - **Occasion**: the end of a session, or its need of a person, of which a **hook**, a program of the operator, is told.
//! - **Stop** is said of an attempt or a run, **cancel** of a session. A session that is to **finish** makes its next attempt
//!   at once, and none after it.
//! - **Refusal**: a "no" to a command. **Failure**: work that went wrong. **Disruption**: a failure that waiting may
//!   cure. **Incurable**: one that needs a person.
//! - **Owner**: the process that holds a state directory. **Keeper**: an owner without a screen. **Client**: a
//!   face's connection to an owner in another process. **Worker**: the process of one attempt.
//! - **Disposition**: what becomes of the partial data of a cancelled session.
//! - **Target**: the data directory, port and tablespace directories of a restored cluster.
//! - **Claim**: the file that says for all to read which session holds a directory or a port. **Lock**: held on it, or on
//!   a mark, by whoever works there now. **Mark**: what a session leaves in its target to know its own data again.
//! - **Remnant**: what a session has left behind when everything crashed, or what may be that.
//! - **Recording**: what a terminal was sent over time, as asciicast. **Marker**: a moment of it that somebody marked.
//!   **Keyframe**: how the terminal in memory stood at some moment, so that playback can begin there.
//! - **Scenario**: a story of restores in a file, with the script of its recording. Simulated for demonstrations and tests.
//! - **Epoch**: the number of an ownership in the journal; an owner whose number is not the newest is none.

pub mod app;
pub mod archive;
pub mod attempt;
pub mod catalog;
pub mod cli;
pub mod console;
pub mod control;
pub mod demo;
pub mod domain;
pub mod engine;
pub mod journal;
pub mod libvirt;
pub mod machine;
pub mod manager;
pub mod overlay;
pub mod postgres;
pub mod private_file;
pub mod process;
pub mod recording;
pub mod restic;
pub mod worker;
