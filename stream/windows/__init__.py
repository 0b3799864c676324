"""From a record to windows: columns, repeats, series, sums, data quality."""
