//! `backup_label` and `tablespace_map`.
