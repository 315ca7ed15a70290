"""Any two files of metrics, compared as a test is compared with its baseline."""
