//! One object of a job of the kind `replication`: a server and the standby that follows it.
//!
//! Promise: what would only fail when the standby is made, or would make it anew each time, is refused by its key.

use super::{ObjectSetting, whole};
use crate::{
    cli::restore_options::span,
    domain::{BackupObject, InstanceName, PasswordSource, Port, conninfo, is_slot_name},
};
use std::time::Duration;

/// The lag below which a run is done, where the settings name none: a few times what a standby reports it in.
const MAX_LAG: Duration = Duration::from_secs(10);

/// Both servers are asked one after the other, by programs that are started for it: a smaller lag would never be seen.
const LEAST_LAG: Duration = Duration::from_secs(1);

/// The object, or what is wrong with it in a clause that names the key.
pub(super) fn object(
    written: &ObjectSetting,
    name: InstanceName,
    password: PasswordSource,
) -> Result<BackupObject, String> {
    let conninfo = written.conninfo.clone().ok_or("conninfo is missing: how its primary is reached")?;
    conninfo::check(&conninfo).map_err(|error| error.to_string())?;
    let directory = written.standby.as_deref().ok_or("standby is missing: the data directory of the standby")?;
    let number = written.port.ok_or("port is missing: the port of the standby")?;
    let port = Port::new(number).map_err(|error| format!("port: {error}"))?;
    let slot = written.slot.clone().ok_or("slot is missing: the name of its replication slot at the primary")?;
    if !is_slot_name(&slot) {
        let what = "such names have up to 63 lower case letters, digits and underscores";
        return Err(format!("slot {slot:?} is not the name of a replication slot: {what}"));
    }
    let max_lag = written.max_lag.as_deref().map_or(Ok(MAX_LAG), span).map_err(|error| format!("max_lag: {error}"))?;
    if max_lag < LEAST_LAG {
        return Err(format!("max_lag: {max_lag:?} is less than can be measured: name {LEAST_LAG:?} or more"));
    }
    Ok(BackupObject::Standby { name, conninfo, password, directory: whole("standby", directory)?, port, slot, max_lag })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::app::config::Config;

    fn made(job: &str, object: &str) -> Result<BackupObject, String> {
        let text =
            format!("[[job]]\nname = \"n\"\nkind = \"replication\"\n{job}objects = [{{ name = \"shop\", {object} }}]");
        let config: Config = toml::from_str(&text).map_err(|error| error.to_string())?;
        let (jobs, problems) = config.jobs();
        problems.first().map_or_else(|| Ok(jobs[0].objects()[0].object.clone()), |problem| Err(problem.to_string()))
    }

    const WHOLE: &str = "conninfo = \"host=db1\", standby = \"/srv/standby\", port = 5433, slot = \"shop_standby\"";

    #[test]
    fn a_standby_in_one_line_has_the_lag_that_is_usual_and_every_key_means_something() {
        let wanted = |password, max_lag| BackupObject::Standby {
            name: InstanceName::new("shop"),
            conninfo: "host=db1".to_owned(),
            password,
            directory: "/srv/standby".into(),
            port: Port::new(5433).unwrap(),
            slot: "shop_standby".to_owned(),
            max_lag,
        };
        assert_eq!(made("", WHOLE), Ok(wanted(PasswordSource::None, Duration::from_secs(10))));
        let passfile = PasswordSource::Passfile("/etc/pw".into());
        let all = made("passfile = \"/etc/pw\"\n", &format!("{WHOLE}, max_lag = \"2m\""));
        assert_eq!(all, Ok(wanted(passfile, Duration::from_mins(2))));
    }

    #[test]
    fn what_is_wrong_with_a_standby_is_named() {
        let without =
            |key: &str| WHOLE.split(", ").filter(|part| !part.starts_with(key)).collect::<Vec<_>>().join(", ");
        for (job, object, says) in [
            ("", without("conninfo"), "conninfo is missing"),
            ("", without("standby"), "standby is missing"),
            ("", without("port"), "port is missing"),
            ("", without("slot"), "slot is missing"),
            ("", WHOLE.replace("shop_standby", "Shop-1"), "slot \"Shop-1\" is not the name of a replication slot"),
            ("", WHOLE.replace("/srv", "srv"), "standby \"srv/standby\" is not a whole path"),
            ("", WHOLE.replace("host=db1", "password=x"), "the connection string holds password"),
            ("", WHOLE.replace("5433", "0"), "port: "),
            ("", format!("{WHOLE}, max_lag = \"999ms\""), "max_lag: 999ms is less than can be measured"),
            ("", format!("{WHOLE}, max_lag = \"soon\""), "max_lag: "),
            ("", format!("{WHOLE}, max_lag = \"0s\""), "max_lag: \"0s\""),
            ("", format!("{WHOLE}, path = \"/x\""), "path is not for a job of the kind replication"),
            ("repository = \"/r\"\n", WHOLE.to_owned(), "repository is not for a job of the kind replication"),
            ("password_command = [\"/pw\"]\n", WHOLE.to_owned(), "password_command is not for a job of the kind"),
        ] {
            let error = made(job, &object).unwrap_err();
            assert!(error.contains(says), "{says}: {error}");
        }
    }
}
