// Written by Scripts/generate-schema.py; do not edit.

/// Fields of built-in types: volumes; grammar in SchemaTable.swift.
let volumeSchemaTableText: StaticString = #"""
    @core.v1.AWSElasticBlockStoreVolumeSource
    fsType string #2
    partition integer:int32 #3
    readOnly boolean #4
    volumeID string #1 r
    @core.v1.AzureDiskVolumeSource
    cachingMode string #3 * D="ReadWrite"
    diskName string #1 r
    diskURI string #2 r
    fsType string #4 * D="ext4"
    kind string #6 * D="Shared"
    readOnly boolean #5 *
    @core.v1.AzureFileVolumeSource
    readOnly boolean #3
    secretName string #1 r
    shareName string #2 r
    @core.v1.CSIVolumeSource
    driver string #1 r
    fsType string #3 *
    nodePublishSecretRef core.v1.LocalObjectReference #5
    readOnly boolean #2 *
    volumeAttributes map:string #4
    @core.v1.CephFSVolumeSource
    monitors []string #1 r L=a
    path string #2
    readOnly boolean #6
    secretFile string #4
    secretRef core.v1.LocalObjectReference #5
    user string #3
    @core.v1.CinderVolumeSource
    fsType string #2
    readOnly boolean #3
    secretRef core.v1.LocalObjectReference #4
    volumeID string #1 r
    @core.v1.ClusterTrustBundleProjection
    labelSelector meta.v1.LabelSelector #3
    name string #1 *
    optional boolean #5 *
    path string #4 r
    signerName string #2 *
    @core.v1.ConfigMapProjection
    items []core.v1.KeyToPath #2 L=a
    name string #1.1
    optional boolean #4 *
    @core.v1.ConfigMapVolumeSource
    defaultMode integer:int32 #3 *
    items []core.v1.KeyToPath #2 L=a
    name string #1.1
    optional boolean #4 *
    @core.v1.DownwardAPIProjection
    items []core.v1.DownwardAPIVolumeFile #1 L=a
    @core.v1.DownwardAPIVolumeFile
    fieldRef core.v1.ObjectFieldSelector #2
    mode integer:int32 #4 *
    path string #1 r
    resourceFieldRef core.v1.ResourceFieldSelector #3
    @core.v1.DownwardAPIVolumeSource
    defaultMode integer:int32 #2 *
    items []core.v1.DownwardAPIVolumeFile #1 L=a
    @core.v1.EmptyDirVolumeSource
    medium string #1
    sizeLimit api.resource.Quantity #2
    @core.v1.EphemeralVolumeSource
    volumeClaimTemplate core.v1.PersistentVolumeClaimTemplate #1
    @core.v1.FCVolumeSource
    fsType string #3
    lun integer:int32 #2 *
    readOnly boolean #4
    targetWWNs []string #1 L=a
    wwids []string #5 L=a
    @core.v1.FlexVolumeSource
    driver string #1 r
    fsType string #2
    options map:string #5
    readOnly boolean #4
    secretRef core.v1.LocalObjectReference #3
    @core.v1.FlockerVolumeSource
    datasetName string #1
    datasetUUID string #2
    @core.v1.GCEPersistentDiskVolumeSource
    fsType string #2
    partition integer:int32 #3
    pdName string #1 r
    readOnly boolean #4
    @core.v1.GitRepoVolumeSource
    directory string #3
    repository string #1 r
    revision string #2
    @core.v1.GlusterfsVolumeSource
    endpoints string #1 r
    path string #2 r
    readOnly boolean #3
    @core.v1.HostPathVolumeSource
    path string #1 r
    type string #2 *
    @core.v1.ISCSIVolumeSource
    chapAuthDiscovery boolean #8
    chapAuthSession boolean #11
    fsType string #5
    initiatorName string #12 *
    iqn string #2 r
    iscsiInterface string #4 D="default"
    lun integer:int32 #3 r
    portals []string #7 L=a
    readOnly boolean #6
    secretRef core.v1.LocalObjectReference #10
    targetPortal string #1 r
    @core.v1.ImageVolumeSource
    pullPolicy string #2
    reference string #1
    @core.v1.KeyToPath
    key string #1 r
    mode integer:int32 #3 *
    path string #2 r
    @core.v1.LocalObjectReference M
    name string #1
    @core.v1.NFSVolumeSource
    path string #2 r
    readOnly boolean #3
    server string #1 r
    @core.v1.ObjectFieldSelector M
    apiVersion string #1
    fieldPath string #2 r
    @core.v1.PersistentVolumeClaimSpec
    accessModes []string #1 L=a
    dataSource core.v1.TypedLocalObjectReference #7
    dataSourceRef core.v1.TypedObjectReference #8
    resources core.v1.VolumeResourceRequirements #2 !
    selector meta.v1.LabelSelector #4
    storageClassName string #5 *
    volumeAttributesClassName string #9 *
    volumeMode string #6 *
    volumeName string #3
    @core.v1.PersistentVolumeClaimTemplate
    metadata meta.v1.ObjectMeta #1 !
    spec core.v1.PersistentVolumeClaimSpec #2 r !
    @core.v1.PersistentVolumeClaimVolumeSource
    claimName string #1 r
    readOnly boolean #2
    @core.v1.PhotonPersistentDiskVolumeSource
    fsType string #2
    pdID string #1 r
    @core.v1.PodCertificateProjection
    certificateChainPath string #6
    credentialBundlePath string #4
    keyPath string #5
    keyType string #2 r
    maxExpirationSeconds integer:int32 #3 *
    signerName string #1 r
    userAnnotations map:string #7
    @core.v1.PortworxVolumeSource
    fsType string #2
    readOnly boolean #3
    volumeID string #1 r
    @core.v1.ProjectedVolumeSource
    defaultMode integer:int32 #2 *
    sources []core.v1.VolumeProjection #1 L=a
    @core.v1.QuobyteVolumeSource
    group string #5
    readOnly boolean #3
    registry string #1 r
    tenant string #6
    user string #4
    volume string #2 r
    @core.v1.RBDVolumeSource
    fsType string #3
    image string #2 r
    keyring string #6 D="/etc/ceph/keyring"
    monitors []string #1 r L=a
    pool string #4 D="rbd"
    readOnly boolean #8
    secretRef core.v1.LocalObjectReference #7
    user string #5 D="admin"
    @core.v1.ResourceFieldSelector M
    containerName string #1
    divisor api.resource.Quantity #3 !
    resource string #2 r
    @core.v1.ScaleIOVolumeSource
    fsType string #9 D="xfs"
    gateway string #1 r
    protectionDomain string #5
    readOnly boolean #10
    secretRef core.v1.LocalObjectReference #3 r
    sslEnabled boolean #4
    storageMode string #7 D="ThinProvisioned"
    storagePool string #6
    system string #2 r
    volumeName string #8
    @core.v1.SecretProjection
    items []core.v1.KeyToPath #2 L=a
    name string #1.1
    optional boolean #4 *
    @core.v1.SecretVolumeSource
    defaultMode integer:int32 #3 *
    items []core.v1.KeyToPath #2 L=a
    optional boolean #4 *
    secretName string #1
    @core.v1.ServiceAccountTokenProjection
    audience string #1
    expirationSeconds integer:int64 #2 *
    path string #3 r
    @core.v1.StorageOSVolumeSource
    fsType string #3
    readOnly boolean #4
    secretRef core.v1.LocalObjectReference #5
    volumeName string #1
    volumeNamespace string #2
    @core.v1.TypedLocalObjectReference M
    apiGroup string #1 *
    kind string #2 r
    name string #3 r
    @core.v1.TypedObjectReference
    apiGroup string #1 *
    kind string #2 r
    name string #3 r
    namespace string #4 *
    @core.v1.Volume
    awsElasticBlockStore core.v1.AWSElasticBlockStoreVolumeSource #2.4
    azureDisk core.v1.AzureDiskVolumeSource #2.22
    azureFile core.v1.AzureFileVolumeSource #2.18
    cephfs core.v1.CephFSVolumeSource #2.14
    cinder core.v1.CinderVolumeSource #2.13
    configMap core.v1.ConfigMapVolumeSource #2.19
    csi core.v1.CSIVolumeSource #2.28
    downwardAPI core.v1.DownwardAPIVolumeSource #2.16
    emptyDir core.v1.EmptyDirVolumeSource #2.2
    ephemeral core.v1.EphemeralVolumeSource #2.29
    fc core.v1.FCVolumeSource #2.17
    flexVolume core.v1.FlexVolumeSource #2.12
    flocker core.v1.FlockerVolumeSource #2.15
    gcePersistentDisk core.v1.GCEPersistentDiskVolumeSource #2.3
    gitRepo core.v1.GitRepoVolumeSource #2.5
    glusterfs core.v1.GlusterfsVolumeSource #2.9
    hostPath core.v1.HostPathVolumeSource #2.1
    image core.v1.ImageVolumeSource #2.30
    iscsi core.v1.ISCSIVolumeSource #2.8
    name string #1 r
    nfs core.v1.NFSVolumeSource #2.7
    persistentVolumeClaim core.v1.PersistentVolumeClaimVolumeSource #2.10
    photonPersistentDisk core.v1.PhotonPersistentDiskVolumeSource #2.23
    portworxVolume core.v1.PortworxVolumeSource #2.24
    projected core.v1.ProjectedVolumeSource #2.26
    quobyte core.v1.QuobyteVolumeSource #2.21
    rbd core.v1.RBDVolumeSource #2.11
    scaleIO core.v1.ScaleIOVolumeSource #2.25
    secret core.v1.SecretVolumeSource #2.6
    storageos core.v1.StorageOSVolumeSource #2.27
    vsphereVolume core.v1.VsphereVirtualDiskVolumeSource #2.20
    @core.v1.VolumeProjection
    clusterTrustBundle core.v1.ClusterTrustBundleProjection #5
    configMap core.v1.ConfigMapProjection #3
    downwardAPI core.v1.DownwardAPIProjection #2
    podCertificate core.v1.PodCertificateProjection #6
    secret core.v1.SecretProjection #1
    serviceAccountToken core.v1.ServiceAccountTokenProjection #4
    @core.v1.VolumeResourceRequirements
    limits map:api.resource.Quantity #1
    requests map:api.resource.Quantity #2
    @core.v1.VsphereVirtualDiskVolumeSource
    fsType string #2
    storagePolicyID string #4
    storagePolicyName string #3
    volumePath string #1 r
    """#
