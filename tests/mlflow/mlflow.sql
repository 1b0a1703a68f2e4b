CREATE TABLE IF NOT EXISTS "experiments" (
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	artifact_location VARCHAR(256), 
	lifecycle_stage VARCHAR(32), 
	creation_time BIGINT, 
	last_update_time BIGINT, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT experiment_pk PRIMARY KEY (experiment_id), 
	CONSTRAINT experiments_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')), 
	CONSTRAINT uq_experiments_workspace_name UNIQUE (workspace, name)
);
INSERT INTO experiments VALUES(0,'Default','/srv/mlflow/mlruns/0','active',1795882440033,1795882440033,'default');
INSERT INTO experiments VALUES(1,'resnet','file:///srv/mlflow/artifacts','active',1795882440072,1795882440072,'default');
CREATE TABLE IF NOT EXISTS "runs" (
	run_uuid VARCHAR(32) NOT NULL, 
	name VARCHAR(250), 
	source_type VARCHAR(20), 
	source_name VARCHAR(500), 
	entry_point_name VARCHAR(50), 
	user_id VARCHAR(256), 
	status VARCHAR(9), 
	start_time BIGINT, 
	end_time BIGINT, 
	source_version VARCHAR(50), 
	lifecycle_stage VARCHAR(20), 
	artifact_uri VARCHAR(200), 
	experiment_id INTEGER, deleted_time BIGINT, 
	CONSTRAINT run_pk PRIMARY KEY (run_uuid), 
	CONSTRAINT source_type CHECK (source_type IN ('NOTEBOOK', 'JOB', 'LOCAL', 'UNKNOWN', 'PROJECT')), 
	CONSTRAINT runs_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')), 
	FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CHECK (status IN ('SCHEDULED', 'FAILED', 'FINISHED', 'RUNNING', 'KILLED'))
);
INSERT INTO runs VALUES('5c229d0cfbb146ea8725c14c6d13754b','try-0','UNKNOWN','','','unknown','FINISHED',1795882440130,1795882440634,'','active','file:///srv/mlflow/artifacts/5c229d0cfbb146ea8725c14c6d13754b/artifacts',1,NULL);
INSERT INTO runs VALUES('88e1eb91fa524930a7882c1509df230e','try-1','UNKNOWN','','','unknown','FINISHED',1795882440707,1795882441038,'','active','file:///srv/mlflow/artifacts/88e1eb91fa524930a7882c1509df230e/artifacts',1,NULL);
INSERT INTO runs VALUES('5905285c920e43d6a832abefc61663ec','empty','UNKNOWN','','','unknown','FAILED',1795882441677,1795882441768,'','active','file:///srv/mlflow/artifacts/5905285c920e43d6a832abefc61663ec/artifacts',1,NULL);
INSERT INTO runs VALUES('222ce74e819d48c8ba0a39edfd084d71','logged','UNKNOWN','','','unknown','FINISHED',1795882499948,1795882500345,'','active','file:///srv/mlflow/artifacts/222ce74e819d48c8ba0a39edfd084d71/artifacts',1,NULL);
CREATE TABLE IF NOT EXISTS "params" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000) NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT param_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
INSERT INTO params VALUES('lr','0.1','5c229d0cfbb146ea8725c14c6d13754b');
INSERT INTO params VALUES('lr','0.05','88e1eb91fa524930a7882c1509df230e');
CREATE TABLE IF NOT EXISTS "tags" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000), 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT tag_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
INSERT INTO tags VALUES('note',replace('run 0\nsecond line','\n',char(10)),'5c229d0cfbb146ea8725c14c6d13754b');
INSERT INTO tags VALUES('mlflow.runName','try-0','5c229d0cfbb146ea8725c14c6d13754b');
INSERT INTO tags VALUES('note',replace('run 1\nsecond line','\n',char(10)),'88e1eb91fa524930a7882c1509df230e');
INSERT INTO tags VALUES('mlflow.runName','try-1','88e1eb91fa524930a7882c1509df230e');
INSERT INTO tags VALUES('mlflow.runName','empty','5905285c920e43d6a832abefc61663ec');
INSERT INTO tags VALUES('mlflow.runName','logged','222ce74e819d48c8ba0a39edfd084d71');
CREATE TABLE IF NOT EXISTS "latest_metrics" (
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT NOT NULL, 
	timestamp BIGINT, 
	step BIGINT NOT NULL, 
	is_nan BOOLEAN NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT latest_metric_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid), 
	CHECK (is_nan IN (0, 1))
);
INSERT INTO latest_metrics VALUES('loss',0.33333333333333331482,1795882440499,2,0,'5c229d0cfbb146ea8725c14c6d13754b');
INSERT INTO latest_metrics VALUES('loss',0.25,1795882440932,2,0,'88e1eb91fa524930a7882c1509df230e');
CREATE TABLE logged_models (
	model_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(500) NOT NULL, 
	artifact_location VARCHAR(1000) NOT NULL, 
	creation_timestamp_ms BIGINT NOT NULL, 
	last_updated_timestamp_ms BIGINT NOT NULL, 
	status INTEGER NOT NULL, 
	lifecycle_stage VARCHAR(32), 
	model_type VARCHAR(500), 
	source_run_id VARCHAR(32), 
	status_message VARCHAR(1000), 
	CONSTRAINT logged_models_pk PRIMARY KEY (model_id), 
	CONSTRAINT logged_models_lifecycle_stage_check CHECK (lifecycle_stage IN ('active', 'deleted')), 
	CONSTRAINT fk_logged_models_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
INSERT INTO logged_models VALUES('m-d7f0b126e24e4ce9beb9d1859a4ed1c8',1,'ckpt-1','file:///srv/mlflow/artifacts/models/m-d7f0b126e24e4ce9beb9d1859a4ed1c8/artifacts',1795882500050,1795882500173,2,'active',NULL,'222ce74e819d48c8ba0a39edfd084d71',NULL);
INSERT INTO logged_models VALUES('m-5dce0a9bb2b5450b993abd0bd80fcb8b',1,'ckpt-2','file:///srv/mlflow/artifacts/models/m-5dce0a9bb2b5450b993abd0bd80fcb8b/artifacts',1795882500236,1795882500311,2,'active',NULL,'222ce74e819d48c8ba0a39edfd084d71',NULL);
CREATE TABLE IF NOT EXISTS "model_versions" (
	name VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	creation_time BIGINT, 
	last_updated_time BIGINT, 
	description VARCHAR(5000), 
	user_id VARCHAR(256), 
	current_stage VARCHAR(20), 
	source VARCHAR(500), 
	run_id VARCHAR(32), 
	status VARCHAR(20), 
	status_message VARCHAR(500), 
	run_link VARCHAR(500), 
	storage_location VARCHAR(500), 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT model_version_pk PRIMARY KEY (workspace, name, version), 
	CONSTRAINT fk_model_versions_registered_models FOREIGN KEY(workspace, name) REFERENCES registered_models (workspace, name) ON UPDATE CASCADE
);
INSERT INTO model_versions VALUES('resnet50',1,1795882441253,1795882441253,NULL,NULL,'None','runs:/5c229d0cfbb146ea8725c14c6d13754b/model','5c229d0cfbb146ea8725c14c6d13754b','READY',NULL,NULL,'runs:/5c229d0cfbb146ea8725c14c6d13754b/model','default');
INSERT INTO model_versions VALUES('resnet50',2,1795882441330,1795882441597,NULL,NULL,'Staging','runs:/88e1eb91fa524930a7882c1509df230e/model','88e1eb91fa524930a7882c1509df230e','READY',NULL,NULL,'runs:/88e1eb91fa524930a7882c1509df230e/model','default');
CREATE TABLE IF NOT EXISTS "registered_model_aliases" (
	alias VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT registered_model_alias_pk PRIMARY KEY (workspace, name, alias), 
	CONSTRAINT fk_registered_model_aliases_registered_models FOREIGN KEY(workspace, name) REFERENCES registered_models (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
INSERT INTO registered_model_aliases VALUES('champion',1,'resnet50','default');
