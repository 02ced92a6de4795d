"""Documents: invoices, credit notes and monthly statements for people as PDF, and invoices and
credit notes for machines as UBL. Pure: what they say is handed in (`values`)."""
