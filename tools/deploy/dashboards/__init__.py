"""The dashboards under deploy/grafana: declared here, written as Grafana's JSON, checked, and looked at."""
