"""The script that runs in the peer's own environment is no test module of ours."""

collect_ignore = ["check_tlog_scales.py"]
