"""Reports of a scan for other programs: SARIF, JUnit, Markdown. Artifacts in, bytes out."""
