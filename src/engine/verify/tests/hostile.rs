//! Manifests that lie or are made to harm: they cost neither memory nor time, lead nowhere, and reach no terminal.

use super::*;

/// A backup whose manifest was rewritten, and given a checksum that fits.
fn with_manifest(form: BackupForm, edit: impl Fn(String) -> String) -> Verification {
    let fake = sound(form);
    fake.write();
    let path = fake.backup().join("backup_manifest");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, edit(text)).unwrap();
    fake.list_more(r#"{ "Path": "global/none", "Size": 0, "Last-Modified": "2026-11-20 23:44:44 GMT" }"#);
    verified(&fake)
}

#[test]
fn paths_that_lead_out_make_the_manifest_unusable_and_nothing_is_opened() {
    for form in Fake::all_forms() {
        for path in ["../../../etc/passwd", "/etc/passwd", "base/../../x", ""] {
            let found = with_manifest(form, |text| text.replace("base/1/1259", path));
            assert_eq!((found.damages_total, found.files), (1, 0), "{form} {path}: {found}");
            assert!(matches!(found.damages[0], Damage::Manifest { .. }), "{form} {path}: {found}");
        }
    }
}

#[test]
fn huge_sizes_and_ranges_are_told_in_a_line_each() {
    for form in Fake::all_forms() {
        let huge = with_manifest(form, |text| text.replacen("\"Size\": 8192", "\"Size\": 9000000000000000000", 1));
        let shown: Vec<String> = huge.damages.iter().map(ToString::to_string).collect();
        assert!(shown.contains(&"missing: global/none".to_owned()), "{form}: {shown:?}");
        assert!(shown.iter().filter(|line| line.starts_with("short: ")).count() == 1, "{form}: {shown:?}");
        let far = with_manifest(form, |text| text.replace("0/200100", "FFFFFFFF/FFFFFFFF"));
        let wal: Vec<&Damage> = far.damages.iter().filter(|damage| matches!(damage, Damage::Wal { .. })).collect();
        assert_eq!(wal.len(), 2, "{form}: where its records end, and what is missing: {far}");
        assert!(far.damages_total == 3 && wal[1].to_string().contains("segments)"), "{form}: {wal:?}");
    }
}

#[test]
fn names_reach_nobody_unprintable() {
    for form in Fake::all_forms() {
        let found = with_manifest(form, |text| text.replace("\"base/1/1259\"", "\"base/\\u001b[2J\\u202e\""));
        let shown: Vec<String> = found.damages.iter().map(ToString::to_string).collect();
        assert!(shown.iter().any(|line| line.starts_with("missing: base/\\u{1b}[2J\\u{202e}")), "{form}: {shown:?}");
        let serialized = serde_json::to_string(&found).unwrap();
        assert!(!serialized.contains("\\u001b") && !serialized.contains('\u{202e}'), "{form}: {serialized}");
    }
}
