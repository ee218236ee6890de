//! What `domjobinfo --rawstats` says of the job of a machine.
//!
//! The numbers are those of `virDomainJobType` and `virDomainJobOperation` (libvirt-domain.h).

/// The operation of a backup.
const BACKUP: u32 = 9;

/// How a job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JobInfo {
    /// There is none, or it is not known yet how it ended.
    None,
    /// It runs.
    Running {
        /// The number of a job that is no backup.
        other: Option<u32>,
        /// Bytes that were processed, of how many.
        done: u64,
        total: u64,
    },
    /// It has ended well.
    Completed,
    /// It has failed, for this reason.
    Failed(String),
    /// Somebody has aborted it.
    Cancelled,
}

impl JobInfo {
    /// `None` where it cannot be read.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let value = |key: &str| {
            text.lines()
                .find_map(|line| line.split_once(':').filter(|(found, _)| found.trim() == key))
                .map(|(_, value)| value.trim())
        };
        let number = |key: &str| value(key).and_then(|value| value.parse::<u64>().ok()).unwrap_or(0);
        let operation = value("operation").and_then(|value| value.parse::<u32>().ok());
        match value("Job type")?.parse::<u32>().ok()? {
            0 => Some(Self::None),
            1 | 2 => Some(Self::Running {
                other: (operation != Some(BACKUP)).then_some(operation.unwrap_or(0)),
                done: number("disk_processed"),
                total: number("disk_total"),
            }),
            3 => Some(Self::Completed),
            4 => Some(Self::Failed(value("errmsg").unwrap_or("libvirt does not say why").to_owned())),
            5 => Some(Self::Cancelled),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_of_a_job_is_known_by_its_number() {
        let running = "Job type: 2\n\noperation: 9\ntime_elapsed: 1\ndisk_total: 100\ndisk_processed: 40\n";
        for (text, wanted) in [
            ("Job type: 0\n", Some(JobInfo::None)),
            (running, Some(JobInfo::Running { other: None, done: 40, total: 100 })),
            ("Job type: 1\noperation: 5\n", Some(JobInfo::Running { other: Some(5), done: 0, total: 0 })),
            ("Job type: 3\noperation: 9\nsuccess: 1\n", Some(JobInfo::Completed)),
            ("Job type: 4\nerrmsg: No space: left\n", Some(JobInfo::Failed("No space: left".to_owned()))),
            ("Job type: 5\n", Some(JobInfo::Cancelled)),
            ("Job type: 6\n", None),
            ("", None),
        ] {
            assert_eq!(JobInfo::parse(text), wanted, "{text}");
        }
    }
}
