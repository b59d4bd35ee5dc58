"""监督员 (inspectors): what the app on the phone asks for. A folder for each topic, one router for all."""
