"""Figures as SVG text: scales, marks and the charts of a report. Colours come from the page's style sheet."""
